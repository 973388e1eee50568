package status

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/simpledeploy/backup/store"
)

// scrapeTimeout bounds one collection: Prometheus itself gives up after ten seconds.
const scrapeTimeout = 10 * time.Second

// restoresLooked is how many of the newest restores are looked at for their duration.
const restoresLooked = 500

// newMetrics makes the handler of /metrics on a registry of its own.
func newMetrics(s *Server) http.Handler {
	reg := prometheus.NewRegistry()
	reg.MustRegister(newCollector(s), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError, MaxRequestsInFlight: 4})
}

func serveMetrics(s *Server, _ bool) http.Handler { return s.metrics }

// collector reads the record at each scrape, so that a metric never says something else than the page.
type collector struct {
	server *Server
	descs  map[string]*prometheus.Desc
	types  map[string]prometheus.ValueType
}

func newCollector(s *Server) *collector {
	c := &collector{server: s, descs: map[string]*prometheus.Desc{}, types: map[string]prometheus.ValueType{}}
	for _, m := range metricTable() {
		c.descs[m.Name] = prometheus.NewDesc(metricPrefix+m.Name, m.Doc, m.Labels, nil)
		c.types[m.Name] = m.Type
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, m := range metricTable() {
		out <- c.descs[m.Name]
	}
}

// Collect implements prometheus.Collector. A record that cannot be read makes the scrape fail: old numbers would lie.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	put := func(name string, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(c.descs[name], c.types[name], value, labels...)
	}
	for _, part := range []func(context.Context, func(string, float64, ...string)) error{
		c.collectEngine, c.collectJobs, c.collectProblems, c.collectRestores,
	} {
		if err := part(ctx, put); err != nil {
			out <- prometheus.NewInvalidMetric(c.descs["build_info"], fmt.Errorf("collect: %w", err))
			return
		}
	}
}

func (c *collector) collectEngine(ctx context.Context, put func(string, float64, ...string)) error {
	connected := 0.0
	if c.server.runner.Health(ctx).Engine == "" {
		connected = 1
	}
	put("engine_connected", connected)
	put("build_info", 1, c.server.version, runtime.Version())
	return nil
}

func (c *collector) collectJobs(ctx context.Context, put func(string, float64, ...string)) error {
	jobs, err := c.server.store.Jobs(ctx, false)
	if err != nil {
		return err
	}
	seen, err := c.server.feed.update(ctx, jobs)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if !j.NextRun.IsZero() {
			put("next_run_timestamp_seconds", seconds(j.NextRun), j.Project, j.Service, j.Name)
		}
		good := seen[j.ID].good
		if good == nil {
			continue
		}
		put("last_success_timestamp_seconds", seconds(good.FinishedAt), j.Project, j.Service, j.Name)
		put("last_duration_seconds", good.FinishedAt.Sub(good.StartedAt).Seconds(), j.Project, j.Service, j.Name)
		put("last_size_bytes", float64(good.StoredBytes), j.Project, j.Service, j.Name)
	}
	for o, n := range c.server.feed.counts() {
		put("runs_total", float64(n), o.project, o.service, o.job, o.state)
	}
	for _, j := range c.server.runner.Snapshot().Jobs {
		if j.RPO > 0 {
			put("rpo_seconds", j.RPO.Seconds(), j.Project, j.Service, j.Name)
		}
	}
	return nil
}

func (c *collector) collectProblems(ctx context.Context, put func(string, float64, ...string)) error {
	problems, err := c.server.store.Problems(ctx)
	if err != nil {
		return err
	}
	type place struct{ project, service, severity string }
	counts := map[place]int{}
	for _, p := range problems {
		counts[place{p.Project, p.Service, p.Severity}]++
	}
	for at, n := range counts {
		put("label_problems", float64(n), at.project, at.service, at.severity)
	}
	return nil
}

func (c *collector) collectRestores(ctx context.Context, put func(string, float64, ...string)) error {
	restores, _, err := c.server.store.Restores(ctx, store.Filter{State: store.Succeeded, Limit: restoresLooked})
	if err != nil {
		return err
	}
	told := map[[3]string]bool{}
	for _, r := range restores {
		id := [3]string{r.Project, r.Service, r.Job}
		if told[id] || r.FinishedAt.IsZero() {
			continue
		}
		told[id] = true
		put("restore_duration_seconds", r.FinishedAt.Sub(r.StartedAt).Seconds(), r.Project, r.Service, r.Job)
	}
	return nil
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
