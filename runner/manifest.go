package runner

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/runner/transform"
)

func (r *Runner) manifestOf(b *backup) target.Manifest {
	run, job := *b.run, b.job
	m := target.Manifest{
		Program:  target.Program{Name: "simpledeploy-backup", Version: r.cfg.Version},
		Instance: run.Instance, Project: run.Project, Service: run.Service, Job: run.Job, Run: run.ID, GroupRun: run.GroupRun, Trigger: run.Trigger,
		Strategy: b.entry.Name, Image: run.Image, ImageDigest: run.ImageDigest, EngineVersion: run.EngineVersion,
		ScheduledFor: run.ScheduledFor, StartedAt: run.StartedAt, FinishedAt: r.now(),
		Key: b.key.String(), Stored: target.Stored{Bytes: run.StoredBytes, SHA256: run.SHA256},
		Raw:   target.Raw{Bytes: run.RawBytes, XXH64: run.RawXXH64, Extension: b.extension},
		Proof: run.Proof, Databases: job.Databases, Paths: job.Paths, Exclude: job.Exclude, Labels: job.Labels, Warnings: run.Warnings,
	}
	b.options.Files = b.out.report.Files
	for _, f := range b.options.Files {
		m.Files = append(m.Files, target.File(f))
	}
	m.Recipe = recipe(b)
	if run.GroupRun != "" {
		m.Group, m.GroupMembers = job.Group, b.group
	}
	if b.compression.Algorithm != transform.None {
		m.Stages = []string{b.compression.Algorithm}
	}
	return m
}

// recipe is how to restore by hand: check the hash, undo the stages, feed the raw form to the engine's own tool.
func recipe(backup *backup) string {
	file := path.Base(backup.key.String())
	undo := "cat"
	switch backup.compression.Algorithm {
	case transform.Zstd:
		undo = "zstd -dc"
	case transform.Gzip:
		undo = "gzip -dc"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# in the folder of %s, with the service's container running\n", file)
	fmt.Fprintf(&b, "CONTAINER=%s\n", shellQuote(backup.run.Container))
	fmt.Fprintf(&b, "echo '%s  %s' | sha256sum -c - || exit 1\n", backup.run.SHA256, file)
	fmt.Fprintf(&b, "%s %s | {\n%s\n}\n", undo, file, strings.TrimSpace(backup.entry.Recipe(backup.options)))
	return b.String()
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func putManifest(ctx context.Context, t *target.Target, m target.Manifest) error {
	b, err := m.Encode()
	if err != nil {
		return err
	}
	_, err = t.Put(ctx, m.Key+target.ManifestSuffix, bytes.NewReader(b), target.PutOptions{Size: int64(len(b))})
	return err
}

// readManifest reads the manifest of an object, with its exact bytes.
func readManifest(ctx context.Context, t *target.Target, key string) (target.Manifest, []byte, error) {
	in, _, err := t.Open(ctx, key+target.ManifestSuffix)
	if err != nil {
		return target.Manifest{}, nil, err
	}
	b, err := io.ReadAll(io.LimitReader(in, target.MaxManifest+1))
	if err := firstError(err, in.Close()); err != nil {
		return target.Manifest{}, nil, fmt.Errorf("read the manifest of %s on %s: %w", key, t.Name(), err)
	}
	m, err := target.DecodeManifest(key, b)
	if err != nil {
		return target.Manifest{}, nil, fmt.Errorf("target %s: %w", t.Name(), err)
	}
	return m, b, nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
