package store

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

func TestDBStatus_TellsTheStateOfTheFile(t *testing.T) {
	s, _ := openTest(t)
	st, err := s.DBStatus(t.Context())
	no(t, err)
	if !st.Configured || !st.Initialized || st.Dialect != "sqlite" || st.SchemaVersion != newest(t) || st.PageCount == 0 || st.WALBytes == 0 || !st.LastCheck.IsZero() || st.LastError != "" {
		t.Errorf("status: %+v", st)
	}
	no(t, s.Check(t.Context()))
	no(t, s.SetSetting(t.Context(), SettingLastSelfBackup, start.Add(-time.Hour).Format(time.RFC3339)))
	st, err = s.DBStatus(t.Context())
	no(t, err)
	if !st.LastCheck.Equal(start) || !st.LastSelfBackup.Equal(start.Add(-time.Hour)) {
		t.Errorf("status: %+v", st)
	}
	b, err := json.Marshal(st)
	no(t, err)
	for _, field := range []string{"configured", "initialized", "dialect", "schema_version", "size_bytes", "wal_bytes", "page_count", "freelist_count", "last_check", "last_self_backup", "last_error"} {
		if !strings.Contains(string(b), `"`+field+`"`) {
			t.Errorf("%s is not in %s", field, b)
		}
	}
}

func TestCheck_FindsADamagedFile(t *testing.T) {
	s, c := openTest(t)
	_, err := s.write.Exec(manyRuns, 2000, 10, start.UnixMilli(), 1000)
	no(t, err)
	no(t, s.Close())
	f, err := os.OpenFile(s.Path(), os.O_RDWR, 0)
	no(t, err)
	_, err = f.WriteAt(make([]byte, 64<<10), 200<<10)
	no(t, errors.Join(err, f.Close()))

	s = reopen(t, s.Path(), c)
	if err := s.Check(t.Context()); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v, want ErrDamaged", err)
	}
	st, err := s.DBStatus(t.Context())
	no(t, err)
	if !st.LastCheck.IsZero() || st.LastError == "" {
		t.Errorf("status: %+v", st)
	}
}

func TestWritable_SaysWhetherAWriteGoesThrough(t *testing.T) {
	s, _ := openTest(t)
	no(t, s.Writable(t.Context()))
	_, err := s.write.Exec("PRAGMA query_only = 1")
	no(t, err)
	if err := s.Writable(t.Context()); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("got %v", err)
	}
	_, err = s.write.Exec("PRAGMA query_only = 0")
	no(t, err)
}
