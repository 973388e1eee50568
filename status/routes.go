package status

import (
	"net/http"
	"slices"
	"strings"
)

// route is one line of the API: the handler and the reference are made from it.
type route struct {
	Method string
	Path   string
	Access access
	Query  string // its query parameters, in words; empty: none
	Body   string // its body, as JSON with every field; empty: none
	Answer string // what comes back
	Doc    string

	answer endpoint                                   // answers with JSON
	raw    func(s *Server, trusted bool) http.Handler // answers by itself
}

// code is the status code of success: work that goes on by itself is accepted, not done.
func (rt route) code() int {
	if rt.Access == write && strings.HasPrefix(rt.Answer, "202") {
		return http.StatusAccepted
	}
	return http.StatusOK
}

// pattern is the path as http.ServeMux wants it: "/" alone must not match everything.
func (rt route) pattern() string {
	if rt.Path == "/" {
		return "/{$}"
	}
	return rt.Path
}

// routes is the whole API, in the order of the reference.
func routes() []route {
	return slices.Concat(probeRoutes(), readRoutes(), writeRoutes())
}

func probeRoutes() []route {
	return []route{
		{Method: "GET", Path: "/healthz", Access: open, Answer: "`{\"alive\": true}`",
			Doc: "The process answers.", answer: getAlive},
		{Method: "GET", Path: "/readyz", Access: open, Answer: "Ready; 503 when not ready",
			Doc: "The engine answers and the record takes writes.", answer: getReady},
		{Method: "GET", Path: "/metrics", Access: read, Answer: "Prometheus text",
			Doc: "See [metrics](metrics.md).", raw: serveMetrics},
		{Method: "GET", Path: "/", Access: read, Answer: "HTML",
			Doc: "The page. It refreshes itself and needs no script.", raw: servePage},
	}
}

func readRoutes() []route {
	const paging = "`limit` (1 to 500, 50), `cursor` (`next` of the page before)"
	const byJob = "`project`, `service`, `job`, "
	return slices.Concat([]route{
		{Method: "GET", Path: "/api/health", Access: read, Answer: "Health",
			Doc: "Ready and healthy, with the reasons when not. Always 200: the fields tell.", answer: getHealth},
		{Method: "GET", Path: "/api/status", Access: read, Answer: "Status",
			Doc: "The summary: health, totals, every project with its jobs, the 20 newest runs, problems, services " +
				"that keep state and are not protected. Over TCP it may be a few seconds old.", raw: serveStatus},
		{Method: "GET", Path: "/api/services", Access: read, Answer: "`{\"services\": [Service]}`",
			Doc:    "Every service seen on the engine: fitting strategies and why, mounts, protected or not.",
			answer: getServices},
		{Method: "GET", Path: "/api/jobs", Access: read, Query: "`all` (`true`: absent ones too)",
			Answer: "`{\"jobs\": [Job]}`", Doc: "The declared jobs.", answer: getJobs},
		{Method: "GET", Path: "/api/jobs/{project}/{service}/{job}", Access: read, Answer: "Job",
			Doc: "One job, absent or not.", answer: getJob},
		{Method: "GET", Path: "/api/runs", Access: read,
			Query:  byJob + "`state`, `trigger`, `group_run`, `since`, `until` (RFC 3339), " + paging,
			Answer: "`{\"runs\": [Run], \"next\": cursor}`", Doc: "Runs, newest first.", answer: getRuns},
		{Method: "GET", Path: "/api/runs/{id}", Access: read, Answer: "Run", Doc: "One run, whole.", answer: getRun},
		{Method: "GET", Path: "/api/runs/{id}/progress", Access: read, Answer: "Progress",
			Doc: "How far a run is; `done` once its state is final.", answer: getRunProgress},
		{Method: "GET", Path: "/api/restores", Access: read, Query: byJob + "`state`, `since`, `until` (RFC 3339), " + paging,
			Answer: "`{\"restores\": [Restore], \"next\": cursor}`", Doc: "Restores, newest first.", answer: getRestores},
		{Method: "GET", Path: "/api/restores/{id}", Access: read, Answer: "Restore", Doc: "One restore.",
			answer: getRestore},
		{Method: "GET", Path: "/api/restores/{id}/progress", Access: read, Answer: "Progress",
			Doc: "How far a restore is.", answer: getRestoreProgress},
		{Method: "GET", Path: "/api/targets", Access: read, Answer: "`{\"targets\": [Target]}`",
			Doc: "The configured targets, their jobs and the copies that are due. Asks no target.", answer: getTargets},
		{Method: "GET", Path: "/api/problems", Access: read, Answer: "`{\"problems\": [Problem]}`",
			Doc: "Problems and warnings, told apart by `severity`.", answer: getProblems},
		{Method: "GET", Path: "/api/events", Access: read,
			Query:  byJob + "`kind`, `since`, `until` (RFC 3339), " + paging,
			Answer: "`{\"events\": [Event], \"next\": cursor}`", Doc: "The feed of all that happened, newest first.", answer: getEvents},
		{Method: "GET", Path: "/api/plan", Access: read, Answer: "Plan",
			Doc:    "The next runs with expected size and time, and what pruning would remove and why.",
			answer: getPlan},
		{Method: "GET", Path: "/api/db/status", Access: read, Answer: "DBStatus", Doc: "The record's own state.",
			answer: getDBStatus},
	}, groupRoutes(paging))
}

func writeRoutes() []route {
	const ids = "202 `{\"runs\": [id], \"groups\": [id]}`"
	const keep = "`{\"keep\": true}` pins the backup"
	const restore = "`{\"project\", \"service\", \"job\", \"run\", \"at\", \"from\", \"instance\", " +
		"\"to_project\", \"to_service\", \"no_safety\"}`"
	return slices.Concat([]route{
		{Method: "POST", Path: "/api/jobs/{project}/{service}/{job}/run", Access: write, Body: keep, Answer: ids,
			Doc: "Queues one job.", answer: postRun},
		{Method: "POST", Path: "/api/services/{project}/{service}/run", Access: write, Body: keep, Answer: ids,
			Doc: "Queues every job of a service.", answer: postRun},
		{Method: "POST", Path: "/api/projects/{project}/run", Access: write,
			Body: "`{\"keep\": true, \"group\": name}`; `group` runs that one only", Answer: ids,
			Doc: "Queues every job of a project, those of a group as one group run.", answer: postRun},
		{Method: "POST", Path: "/api/runs/{id}/keep", Access: write, Answer: "Run",
			Doc: "Pins a backup: pruning leaves it alone.", answer: postKeep},
		{Method: "POST", Path: "/api/runs/{id}/unpin", Access: write, Answer: "Run",
			Doc: "Gives a pinned backup back to retention.", answer: postUnpin},
		{Method: "POST", Path: "/api/runs/{id}/restore", Access: write, Body: restore, Answer: "202 `{\"restore\": id}`",
			Doc: "Restores this backup, to where it came from if the body names nothing else.", answer: postRunRestore},
		{Method: "POST", Path: "/api/restores", Access: write, Body: restore, Answer: "202 `{\"restore\": id}`",
			Doc:    "Restores a service: the newest good backup, that of `run`, or the newest not after `at`.",
			answer: postRestore},
		{Method: "POST", Path: "/api/restores/plan", Access: write, Body: restore, Answer: "RestorePlan",
			Doc: "What that restore would do. Changes nothing.", answer: postRestorePlan},
		{Method: "POST", Path: "/api/prune", Access: write, Body: "`{\"job\", \"absent\", \"dry_run\"}`",
			Answer: "`{\"prune\": [PruneResult]}`",
			Doc:    "Applies retention now; with `absent`, to jobs that nothing declares any more.", answer: postPrune},
		{Method: "POST", Path: "/api/pause", Access: write, Body: "`{\"until\"}` or `{\"for\": \"2h\"}`", Answer: "Health",
			Doc: "Starts nothing by schedule until then. Manual runs go on.", answer: postPause},
		{Method: "POST", Path: "/api/resume", Access: write, Answer: "Health", Doc: "Ends the pause.",
			answer: postResume},
		{Method: "POST", Path: "/api/targets/{name}/test", Access: write, Answer: "TargetTest",
			Doc: "Asks a target whether it answers.", answer: postTargetTest},
		{Method: "POST", Path: "/api/targets/{name}/adopt", Access: write, Answer: "`{\"adopted\": name}`",
			Doc: "Takes over the folder of this instance on a target from a former appliance.", answer: postAdopt},
	}, groupWriteRoutes())
}
