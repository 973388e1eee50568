package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/simpledeploy/backup/status"
)

// runIDLength is how long the id of every run is.
const runIDLength = 16

// looksLikeRun says whether an argument has the form of a run's id; no service is named by one word alone.
func looksLikeRun(arg string) bool {
	return len(arg) == runIDLength && arg[0] == '0' && strings.Trim(arg, "0123456789abcdefghjkmnpqrstvwxyz") == ""
}

// mustKnow refuses the name of a job that neither runs nor ever did: an empty list would look like a job without runs.
func mustKnow(ctx context.Context, server *status.Client, what selector) error {
	jobs, err := server.Jobs(ctx, true)
	if err != nil {
		return err
	}
	return unknownJob(jobs.Jobs, what)
}

func unknownJob(jobs []status.Job, what selector) error {
	if slices.ContainsFunc(jobs, func(j status.Job) bool { return what.matches(j.Project, j.Service, j.Job) }) {
		return nil
	}
	if len(jobs) == 0 {
		return fmt.Errorf("no job %s: no container declares any job; detect shows what could be protected", what)
	}
	var names []string
	for _, j := range jobs {
		parts := []string{j.Project, j.Service, j.Job}
		name := strings.Join(parts[:strings.Count(what.String(), "/")+1], "/")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if best := closest(what.String(), names); best != "" {
		return fmt.Errorf("no job %s; did you mean %s?", what, best)
	}
	if more := len(names) - 10; more > 0 {
		names = append(names[:10], fmt.Sprintf("and %d more", more))
	}
	return fmt.Errorf("no job %s; there are: %s", what, strings.Join(names, ", "))
}
