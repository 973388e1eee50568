package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// DBStatus is the state of the record itself. A zero time is left out of its JSON.
type DBStatus struct {
	Configured     bool      `json:"configured"`
	Initialized    bool      `json:"initialized"`
	Dialect        string    `json:"dialect"`
	SchemaVersion  int       `json:"schema_version"`
	SizeBytes      int64     `json:"size_bytes"`
	WALBytes       int64     `json:"wal_bytes"`
	PageCount      int64     `json:"page_count"`
	FreelistCount  int64     `json:"freelist_count"`
	LastCheck      time.Time `json:"last_check,omitzero"`
	LastSelfBackup time.Time `json:"last_self_backup,omitzero"`
	LastError      string    `json:"last_error"`
}

// The settings that DBStatus reads: RFC 3339 times.
const (
	SettingLastCheck      = "db_last_check"
	SettingLastSelfBackup = "db_last_self_backup"
)

// DBStatus looks at the file without reading its content.
func (s *Store) DBStatus(ctx context.Context) (DBStatus, error) {
	st := DBStatus{Configured: true, Initialized: true, Dialect: "sqlite", SchemaVersion: s.schema}
	err := s.read.QueryRowContext(ctx, "SELECT (SELECT page_count FROM pragma_page_count), (SELECT freelist_count FROM pragma_freelist_count)").
		Scan(&st.PageCount, &st.FreelistCount)
	if err != nil {
		return DBStatus{}, s.fail("read the store's size", err)
	}
	if st.SizeBytes, err = fileSize(s.path); err != nil {
		return DBStatus{}, s.fail("read the store's size", err)
	}
	if st.WALBytes, err = fileSize(s.path + "-wal"); err != nil {
		return DBStatus{}, s.fail("read the store's size", err)
	}
	if st.LastCheck, err = s.timeSetting(ctx, SettingLastCheck); err != nil {
		return DBStatus{}, err
	}
	if st.LastSelfBackup, err = s.timeSetting(ctx, SettingLastSelfBackup); err != nil {
		return DBStatus{}, err
	}
	s.mu.Lock()
	st.LastError = s.lastError
	s.mu.Unlock()
	return st, nil
}

// fileSize asks by name: opening the live file and closing it again would drop SQLite's locks.
func fileSize(path string) (int64, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (s *Store) timeSetting(ctx context.Context, key string) (time.Time, error) {
	value, err := s.Setting(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	at, err := time.Parse(time.RFC3339, value)
	return at, s.fail("read setting "+key, err)
}

// Writable says whether a write would go through now: it takes the writer's lock and gives it back.
func (s *Store) Writable(ctx context.Context) error {
	_, err := s.exec(ctx, "write to the store", `INSERT INTO settings (key, instance, value, updated_at) VALUES ('db_writable', ?, '', ?)
		ON CONFLICT DO UPDATE SET updated_at = excluded.updated_at`, s.instance, millis(s.now()))
	return err
}

// Check reads the whole file and says whether it is sound. It takes as long as reading the file does.
func (s *Store) Check(ctx context.Context) error {
	found, err := collect(ctx, s.read, func(row scanner) (line string, err error) { return line, row.Scan(&line) }, "PRAGMA integrity_check(10)")
	if err != nil {
		return s.fail("check the store", err)
	}
	if len(found) != 1 || found[0] != "ok" {
		return s.fail("check the store", fmt.Errorf("%s: %w: %q", s.path, ErrDamaged, found))
	}
	return s.SetSetting(ctx, SettingLastCheck, s.now().UTC().Format(time.RFC3339))
}
