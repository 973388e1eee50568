package store

import (
	"context"
)

// Setting reads one value; ErrNotFound when it was never set.
func (s *Store) Setting(ctx context.Context, key string) (string, error) {
	var value string
	err := s.read.QueryRowContext(ctx, "SELECT value FROM settings WHERE key = ? AND instance = ?", key, s.instance).Scan(&value)
	return value, s.fail("read setting "+key, err)
}

// SetSetting keeps one value.
func (s *Store) SetSetting(ctx context.Context, key, value string) error {
	_, err := s.exec(ctx, "write setting "+key, `INSERT INTO settings (key, instance, value, updated_at) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at`, key, s.instance, value, millis(s.now()))
	return err
}
