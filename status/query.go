package status

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/simpledeploy/backup/store"
)

const (
	defaultLimit = 50
	maxLimit     = 500
)

// readFilter reads the query parameters of a list. One that is not allowed is an error: a misspelt filter would show
// everything instead.
func readFilter(r *http.Request, allowed ...string) (store.Filter, error) {
	q := r.URL.Query()
	if err := onlyKnown(q, allowed...); err != nil {
		return store.Filter{}, err
	}
	f := store.Filter{
		Project: q.Get("project"), Service: q.Get("service"), Job: q.Get("job"), State: q.Get("state"),
		Trigger: q.Get("trigger"), Kind: q.Get("kind"), Group: q.Get("group"), GroupRun: q.Get("group_run"), Cursor: q.Get("cursor"), Limit: defaultLimit,
	}
	var err error
	if f.Since, err = readTime(q, "since"); err != nil {
		return f, err
	}
	if f.Until, err = readTime(q, "until"); err != nil {
		return f, err
	}
	if v := q.Get("limit"); v != "" {
		if f.Limit, err = strconv.Atoi(v); err != nil || f.Limit < 1 || f.Limit > maxLimit {
			return f, badRequest("limit %q: write a number from 1 to %d", v, maxLimit)
		}
	}
	return f, nil
}

// onlyKnown refuses query parameters that the route does not read.
func onlyKnown(q url.Values, allowed ...string) error {
	for name := range q {
		if slices.Contains(allowed, name) {
			continue
		}
		if len(allowed) == 0 {
			return badRequest("parameter %q: this route takes none", name)
		}
		return badRequest("parameter %q: this route takes %s", name, strings.Join(allowed, ", "))
	}
	return nil
}

func readTime(q url.Values, name string) (time.Time, error) {
	v := q.Get(name)
	if v == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, v)
	if err != nil {
		return time.Time{}, badRequest("%s %q: write a time like 2026-11-21T02:00:00Z", name, v)
	}
	return t, nil
}
