// Package labels turns the labels of containers into backup jobs.
//
// It is pure: values in, values out, without an engine, files or a clock, and the same containers always give the
// same jobs in the same order. Every setting of a job comes out checked; what is wrong becomes a Problem that refuses
// that job alone, and what works but the owner should know becomes a Warning. One table of keys drives decoding,
// defaults, suggestions and the reference page.
//
// Labels are written by whoever may start a container, so they never widen power: they name only targets that the
// environment defines, fire no more often than it allows, and never carry a secret.
//
//	docker.Watch → labels.Decode → runner.MakePlan
package labels
