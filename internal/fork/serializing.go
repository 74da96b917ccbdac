package fork

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"go.uber.org/zap"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/logging"
	"fwatchdog/internal/process"
)

// serialize answers as mode serializing: body in, then answer out, whole.
func (f *Forks) serialize(ctx context.Context, x *exchange.Exchange) error {
	body, err := x.Request.ReadAll(ctx)
	if err != nil {
		return err
	}
	proc, err := f.start(x, false)
	if err != nil {
		return f.refuse(x, err)
	}
	f.logStart(x)
	r := follow(ctx, proc, x.Request.Timeout, body, nil, f.logLines(x))
	out, err := f.collect(r)
	if err != nil {
		return err
	}
	if failure := r.exit.Failure(); failure != "" {
		f.logFailure(x, failure)
		fillText(&x.Response, http.StatusInternalServerError, f.cfg.ContentType, failure)
		return nil
	}
	fill(&x.Response, http.StatusOK, f.cfg.ContentType, out)
	return nil
}

// collect reads all that the process writes, waits for its end, and closes its pipes. Its error says that nobody wants
// the answer any more, or that it is too large.
func (f *Forks) collect(r *run) ([]byte, error) {
	out, readErr := exchange.Collect(r.stdout, f.cfg.MaxAnswer)
	if errors.As(readErr, new(*exchange.LargeError)) {
		r.giveUp(readErr)
		r.end()
		return nil, readErr
	}
	r.end()
	if r.cut != nil && !errors.Is(r.cut, exchange.ErrDeadline) {
		return nil, r.cut
	}
	if readErr != nil {
		return nil, fmt.Errorf("read what the process writes: %w", readErr)
	}
	return out, nil
}

// refuse answers that the process could not be started, unless err is an answer of the server's.
func (f *Forks) refuse(x *exchange.Exchange, err error) error {
	failed := new(startError)
	if !errors.As(err, &failed) {
		return err
	}
	f.log.Error("process could not be started", zap.ByteString("call_id", x.Request.CallID), zap.Error(failed.err),
		logging.Line("%s", failed))
	fillText(&x.Response, http.StatusInternalServerError, f.cfg.ContentType, failed.Error())
	return nil
}

func (f *Forks) logStart(x *exchange.Exchange) {
	f.log.Info("process started", zap.ByteString("call_id", x.Request.CallID), logging.Line("Started logging: stderr from function."))
}

func (f *Forks) logFailure(x *exchange.Exchange, failure string) {
	f.log.Warn("process failed", zap.ByteString("call_id", x.Request.CallID), zap.String("error", failure), logging.Line("%s", failure))
}

// logLines returns what writes a process's stderr to the log, line by line.
func (f *Forks) logLines(x *exchange.Exchange) func(io.Reader) {
	var fields []zap.Field
	if len(x.Request.CallID) > 0 {
		fields = append(fields, zap.String("call_id", string(x.Request.CallID)))
	}
	return func(stderr io.Reader) {
		err := process.Lines(stderr, f.cfg.LineLimit, func(line []byte) {
			logging.Wrote(f.log, "stderr", string(line), fields...)
		})
		if err != nil {
			f.log.Debug("stderr could not be read", zap.Error(err))
		}
	}
}
