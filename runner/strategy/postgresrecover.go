package strategy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	freshPrefix = "simpledeploy-new-"
	oldPrefix   = "simpledeploy-old-"
)

// isStaging says whether a database belongs to a restore that did not end.
func isStaging(name string) bool {
	return strings.HasPrefix(name, freshPrefix) || strings.HasPrefix(name, oldPrefix)
}

// pgStage names what one restore makes for itself: 63 bytes are all that a name may have.
type pgStage struct{ token string }

func newStage(token string) (pgStage, error) {
	if token == "" {
		return pgStage{}, errors.New("restore postgres: a token that names the staging places is needed")
	}
	if len(token) > 32 || strings.Trim(token, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		sum := sha256.Sum256([]byte(token))
		token = hex.EncodeToString(sum[:12])
	}
	return pgStage{token}, nil
}

func (s pgStage) fresh(n int) string { return fmt.Sprintf("%s%s-%d", freshPrefix, s.token, n) }
func (s pgStage) old(n int) string   { return fmt.Sprintf("%s%s-%d", oldPrefix, s.token, n) }
func (s pgStage) app() string        { return "simpledeploy-restore-" + s.token }
func (s pgStage) marker() string     { return "made by the restore " + s.token }

// Recover drops what the restore left: before the swap that is the new databases, after it the old ones. The swap is
// one transaction, so there is no third case.
func (postgres) Recover(ctx context.Context, c Container, opt Options) error {
	stage, err := newStage(opt.Token)
	if err != nil {
		return err
	}
	if err := newPgSession(c, opt, "simpledeploy-recover").clean(ctx, stage); err != nil {
		return fmt.Errorf("remove what the restore left in postgres: %w", err)
	}
	return nil
}

func (s pgSession) clean(ctx context.Context, stage pgStage) error {
	// A session of the restore may have outlived the appliance; it is ended first, so that it cannot go on behind us.
	end := "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE application_name = " +
		quoteText(stage.app()) + " AND pid <> pg_catalog.pg_backend_pid();\n"
	if err := s.sql(ctx, end, io.Discard); err != nil {
		return err
	}
	server, err := s.server(ctx)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, db := range server.Databases {
		if strings.HasPrefix(db.Name, freshPrefix+stage.token+"-") || strings.HasPrefix(db.Name, oldPrefix+stage.token+"-") {
			// A template cannot be dropped.
			fmt.Fprintf(&b, "ALTER DATABASE %s IS_TEMPLATE false;\n%sDROP DATABASE IF EXISTS %[1]s;\n", quoteIdent(db.Name), sendAway(db.Name))
		}
	}
	b.WriteString("DO " + dollar("DECLARE r name; BEGIN FOR r IN "+markedRoles(stage)+" LOOP EXECUTE format('DROP ROLE %I', r); END LOOP; END") + ";\n")
	return s.sql(ctx, b.String(), io.Discard)
}

func markedRoles(stage pgStage) string {
	return "SELECT rolname FROM pg_catalog.pg_roles WHERE pg_catalog.shobj_description(oid, 'pg_authid') = " + quoteText(stage.marker())
}

// unmarkRoles makes the roles that the restore created ordinary ones.
func unmarkRoles(stage pgStage) string {
	return "DO " + dollar("DECLARE r name; BEGIN FOR r IN "+markedRoles(stage)+" LOOP EXECUTE format('COMMENT ON ROLE %I IS NULL', r); END LOOP; END") + ";\n"
}
