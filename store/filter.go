package store

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Filter chooses rows; what is empty does not choose. Since is inclusive, Until is not; both look at the time that orders
// the list (queued, started or happened at). Kind is for events, Trigger for runs, State for runs and restores.
type Filter struct {
	Project, Service, Job, State, Trigger, Kind string

	Group    string // the name of a group, for group runs
	GroupRun string // its id, for runs and restores

	Since, Until time.Time
	Cursor       string // the next of the page before; "" for the first page
	Limit        int    // 1 to 1000; 0 is 50
}

const (
	defaultLimit = 50
	maxLimit     = 1000
)

// ErrBadCursor says that a cursor is not one that a list gave out.
var ErrBadCursor = errors.New("not a cursor of this list")

func (f Filter) limit() int {
	switch {
	case f.Limit <= 0:
		return defaultLimit
	case f.Limit > maxLimit:
		return maxLimit
	}
	return f.Limit
}

// where builds the WHERE clause of a list that is ordered by (time, id), newest first.
func (f Filter) where(timeColumn string) (string, []any, error) {
	var terms []string
	var args []any
	add := func(term string, values ...any) {
		terms = append(terms, term)
		args = append(args, values...)
	}
	for _, equal := range []struct{ column, value string }{
		{"project", f.Project}, {"service", f.Service}, {"job", f.Job}, {"state", f.State}, {"trigger", f.Trigger}, {"kind", f.Kind},
		{"name", f.Group},
	} {
		if equal.value != "" {
			add(equal.column+" = ?", equal.value)
		}
	}
	if f.GroupRun != "" {
		add("group_run = ? AND group_run <> ''", f.GroupRun) // the second half says it to the planner: only such rows are in the index
	}
	if !f.Since.IsZero() {
		add(timeColumn+" >= ?", millis(f.Since))
	}
	if !f.Until.IsZero() {
		add(timeColumn+" < ?", millis(f.Until))
	}
	if f.Cursor != "" {
		at, id, err := parseCursor(f.Cursor)
		if err != nil {
			return "", nil, err
		}
		add("("+timeColumn+", id) < (?, ?)", at, id)
	}
	if len(terms) == 0 {
		return "", nil, nil
	}
	return " WHERE " + strings.Join(terms, " AND "), args, nil
}

// list is the whole query of one page; one row more than the page tells whether there is a next one.
func (f Filter) list(columns, table, timeColumn string) (string, []any, error) {
	where, args, err := f.where(timeColumn)
	if err != nil {
		return "", nil, err
	}
	query := fmt.Sprintf("SELECT %s FROM %s%s ORDER BY %s DESC, id DESC LIMIT %d", columns, table, where, timeColumn, f.limit()+1)
	return query, args, nil
}

// page cuts the extra row off and names the next page.
func page[T any](all []T, limit int, key func(T) (time.Time, string)) ([]T, string) {
	if len(all) <= limit {
		return all, ""
	}
	all = all[:limit]
	at, id := key(all[limit-1])
	return all, strconv.FormatInt(at.UnixMilli(), 36) + "." + id
}

func parseCursor(cursor string) (int64, string, error) {
	before, id, ok := strings.Cut(cursor, ".")
	at, err := strconv.ParseInt(before, 36, 64)
	if !ok || err != nil || id == "" {
		return 0, "", fmt.Errorf("cursor %q: %w", cursor, ErrBadCursor)
	}
	return at, id, nil
}
