package status

import "github.com/prometheus/client_golang/prometheus"

// metric is one line of the metrics: the collector and the reference are made from it.
type metric struct {
	Name   string // without the prefix
	Type   prometheus.ValueType
	Labels []string
	Doc    string
}

const metricPrefix = "simpledeploy_backup_"

// metricTable is every metric, in the order of the reference.
func metricTable() []metric {
	job := []string{"project", "service", "job"}
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	return []metric{
		{"last_success_timestamp_seconds", gauge, job, "When the newest good backup of a job was finished."},
		{"last_duration_seconds", gauge, job, "How long the newest good backup took, from its start to its end."},
		{"last_size_bytes", gauge, job, "Stored size of the newest good backup."},
		{"runs_total", counter, []string{"project", "service", "job", "state"},
			"Runs that ended since the appliance started, by the state they first ended in: succeeded, partial, failed, skipped, interrupted."},
		{"next_run_timestamp_seconds", gauge, job, "When the job runs next by its schedule."},
		{"rpo_seconds", gauge, job, "How old the newest good backup may be, as the job's label says."},
		{"restore_duration_seconds", gauge, job, "How long the newest successful restore of the job took."},
		{"label_problems", gauge, []string{"project", "service", "severity"},
			"Problems and warnings found in the labels of a service; severity is problem or warning."},
		{"engine_connected", gauge, nil, "1 while the container engine answers, else 0."},
		{"build_info", gauge, []string{"version", "goversion"}, "Always 1; the labels say which program this is."},
	}
}
