package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/simpledeploy/backup/runner/strategy"
	"github.com/simpledeploy/backup/runner/target"
	"github.com/simpledeploy/backup/runner/transform"
)

// streamJob is one dump on its way to one target.
type streamJob struct {
	run         string
	entry       strategy.Entry
	options     strategy.Options
	container   strategy.Container
	compression transform.Compression
	target      *target.Target
	key         string
	extension   string       // of the raw form
	expect      int64        // bytes of the last stored object; 0: unknown
	released    func() error // called as soon as the dump has ended, whatever became of it
}

// streamed is what a stream left behind.
type streamed struct {
	report                 strategy.Report
	proof                  strategy.Proof
	object                 target.Object
	rawBytes, storedBytes  int64
	rawXXH64, storedSHA256 string
	helperStart            time.Duration
}

// stream dumps into the target. The dump runs beside the upload; whatever fails closes the pipe with its error, so
// that the uploader never sees a clean end of a broken dump. The error is always wrapped: a bare
// io.ErrUnexpectedEOF in a short stream would be taken for its end.
func (r *Runner) stream(ctx context.Context, job streamJob) (streamed, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pr, pw := io.Pipe()
	side := &dumpSide{job: job, workers: r.cfg.Workers, prover: job.entry.NewProver(job.extension), raw: transform.NewMeter(transform.NewXXH64()),
		stored: transform.NewMeter(transform.NewSHA256())}
	r.progress.meters(job.run, side.raw, side.stored)
	// Storage that hangs in a write must not keep the dump, and with it a held container, past the job's timeout.
	defer context.AfterFunc(ctx, func() {
		pr.CloseWithError(fmt.Errorf("the stream was cut short: %w", context.Cause(ctx)))
	})()
	dumped := make(chan error, 1)
	go func() { dumped <- side.run(ctx, pw) }()
	object, putErr := job.target.Put(ctx, job.key, pr, target.PutOptions{Size: -1, Expect: job.expect, SHA256: side.sum})
	dumpBrokeFirst := side.broken.Load()
	if putErr != nil {
		pr.CloseWithError(fmt.Errorf("the target gave up: %w", putErr))
		cancel() // a dump whose reader is gone must not go on
	}
	dumpErr := <-dumped
	out := streamed{report: side.report, helperStart: time.Duration(side.helperStart.Load()), object: object}
	switch {
	case dumpErr != nil && (putErr == nil || dumpBrokeFirst):
		return out, dumpErr
	case putErr != nil:
		return out, failedOn(job.target.Name(), putErr)
	}
	out.proof, out.rawBytes, out.storedBytes = side.proof, side.raw.Bytes(), side.stored.Bytes()
	out.rawXXH64, out.storedSHA256 = side.raw.Sum(), side.stored.Sum()
	return out, nil
}

// dumpSide is the half of the stream before the pipe: dump → prover and meter → compression → hash.
type dumpSide struct {
	job         streamJob
	workers     int
	prover      strategy.Prover
	raw, stored *transform.Meter
	report      strategy.Report
	proof       strategy.Proof
	helperStart atomic.Int64
	broken      atomic.Bool // set before the pipe is closed with an error
}

// sum is the stored object's hash; the target asks for it once the stream has ended.
func (d *dumpSide) sum() string { return d.stored.Sum() }

// run dumps into the pipe. The pipe is closed with the first error before the compressor is, so that closing that
// cannot write a clean end: of two errors a pipe keeps the first.
func (d *dumpSide) run(ctx context.Context, pipe *io.PipeWriter) error {
	compressor, err := transform.NewWriter(io.MultiWriter(d.stored, pipe), d.job.compression, d.workers)
	if err != nil {
		return d.breakOff(pipe, failed(causeDump, false, errors.Join(err, d.job.released())))
	}
	if err := d.dump(ctx, compressor); err != nil {
		err = d.breakOff(pipe, err)
		_ = compressor.Close() // ends its goroutines; what it still writes is refused
		return err
	}
	if err := compressor.Close(); err != nil {
		return d.breakOff(pipe, failed(causeTarget, false, fmt.Errorf("compress: %w", err)))
	}
	return pipe.Close()
}

func (d *dumpSide) breakOff(pipe *io.PipeWriter, err error) error {
	d.broken.Store(true)
	pipe.CloseWithError(fmt.Errorf("the stream broke: %w", err))
	return err
}

// dump runs the strategy, releases the container whatever became of it, and asks for the proof.
func (d *dumpSide) dump(ctx context.Context, w io.Writer) error {
	timed := timedContainer{Container: d.job.container, started: &d.helperStart}
	report, err := d.job.entry.Strategy.Dump(ctx, timed, d.job.options, io.MultiWriter(d.raw, d.prover, w))
	d.report = report
	releaseErr := d.job.released()
	if err != nil {
		return failed(causeDump, false, errors.Join(fmt.Errorf("dump: %w", err), releaseErr))
	}
	if d.proof, err = d.prover.Proof(); err != nil {
		return failed(causeProof, false, errors.Join(fmt.Errorf("the dump said success, but its stream is not whole: %w", err), releaseErr))
	}
	d.proof = d.proof.With(report.Counted)
	return failed(causeHold, false, releaseErr) // a service that is not back is no success
}

// timedContainer measures how long a helper takes until it is ready.
type timedContainer struct {
	strategy.Container
	started *atomic.Int64
}

func (c timedContainer) Help(ctx context.Context, cmd strategy.HelperCommand) error {
	cmd.Started = func(d time.Duration) { c.started.Store(int64(d)) }
	return c.Container.Help(ctx, cmd)
}
