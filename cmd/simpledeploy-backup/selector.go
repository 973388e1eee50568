package main

import (
	"strings"
)

// selector names a project, one of its services, or one of that service's jobs.
type selector struct {
	project, service, job string
}

// parseSelector reads "project", "project/service" or "project/service/job"; least says how many parts there must be.
func parseSelector(s string, least int) (selector, error) {
	parts := strings.Split(s, "/")
	forms := []string{"PROJECT", "PROJECT/SERVICE", "PROJECT/SERVICE/JOB"}
	for _, p := range parts {
		if p == "" || len(parts) > 3 || len(parts) < least {
			return selector{}, usageErrorf("%q: want %s", s, strings.Join(forms[least-1:], ", or "))
		}
	}
	parts = append(parts, "", "")
	return selector{parts[0], parts[1], parts[2]}, nil
}

func (s selector) String() string {
	return strings.TrimRight(s.project+"/"+s.service+"/"+s.job, "/")
}

// matches says whether a thing of that name is meant.
func (s selector) matches(project, service, job string) bool {
	return (s.project == "" || s.project == project) && (s.service == "" || s.service == service) && (s.job == "" || s.job == job)
}

// optionalSelector is none or one argument.
func optionalSelector(args []string, least int) (selector, error) {
	switch len(args) {
	case 0:
		return selector{}, nil
	case 1:
		return parseSelector(args[0], least)
	}
	return selector{}, usageErrorf("one argument is enough, not %d", len(args))
}

// noArguments is for commands that take none.
func noArguments(args []string) error {
	if len(args) > 0 {
		return usageErrorf("unexpected argument %q", args[0])
	}
	return nil
}
