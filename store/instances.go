package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
)

// loadInstance reads who this record belongs to, or writes it at the first start. A host that was renamed since keeps
// the name under which its backups are stored.
func (s *Store) loadInstance(ctx context.Context, wanted string) error {
	err := s.write.QueryRowContext(ctx, "SELECT id, name FROM instances ORDER BY created_at LIMIT 1").Scan(&s.id, &s.instance)
	if err == nil {
		return nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("read the instance: %w", err)
	}
	if wanted == "" {
		return errors.New("an empty record needs a name for this host: set INSTANCE")
	}
	var random [16]byte
	rand.Read(random[:]) // never fails: the runtime ends the process instead
	s.id, s.instance = hex.EncodeToString(random[:]), wanted
	_, err = s.write.ExecContext(ctx, "INSERT INTO instances (id, name, created_at) VALUES (?, ?, ?)", s.id, s.instance, millis(s.now()))
	if err != nil {
		return fmt.Errorf("write the instance: %w", err)
	}
	return nil
}
