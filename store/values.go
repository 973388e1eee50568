package store

import (
	"encoding/json"
	"fmt"
	"time"
)

// millis is how a time is written: milliseconds, NULL for the zero time.
func millis(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// timeColumn reads what millis wrote.
type timeColumn struct{ t *time.Time }

func (c timeColumn) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*c.t = time.Time{}
	case int64:
		*c.t = time.UnixMilli(v).UTC()
	default:
		return fmt.Errorf("read a time from %T", v)
	}
	return nil
}

// raw is how JSON that others made is written: as it is, NULL when there is none.
func raw(m json.RawMessage) any {
	if len(m) == 0 {
		return nil
	}
	return string(m)
}

// rawColumn reads what raw wrote.
type rawColumn struct{ m *json.RawMessage }

func (c rawColumn) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*c.m = nil
	case string:
		*c.m = json.RawMessage(v)
	default:
		return fmt.Errorf("read JSON from %T", v)
	}
	return nil
}

// list is how strings are written: a JSON array, NULL when there are none.
func list(l []string) any {
	if len(l) == 0 {
		return nil
	}
	b, _ := json.Marshal(l) // strings always encode
	return string(b)
}

// listColumn reads what list wrote.
type listColumn struct{ l *[]string }

func (c listColumn) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*c.l = nil
		return nil
	case string:
		return json.Unmarshal([]byte(v), c.l)
	default:
		return fmt.Errorf("read a list from %T", v)
	}
}

func orNow(t, now time.Time) time.Time {
	if t.IsZero() {
		return now
	}
	return t
}
