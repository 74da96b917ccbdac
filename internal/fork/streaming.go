package fork

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"fwatchdog/internal/exchange"
)

// firstPiece is how much of an answer is read before it is known whether there is one, in bytes.
const firstPiece = 32 << 10

// stream answers as mode streaming: the body goes in and the answer out as they come. What the process makes of the
// request is known with its first byte, or its end.
func (f *Forks) stream(ctx context.Context, x *exchange.Exchange) error {
	if string(x.Request.Method) == http.MethodHead { // nobody reads what comes: the process is to run to its end
		return f.serialize(ctx, x)
	}
	proc, err := f.start(x, false)
	if err != nil {
		return f.refuse(x, err)
	}
	f.logStart(x)
	r := follow(ctx, proc, x.Request.Timeout, x.Request.Body, x.Request.Stream, f.logLines(x))
	first := make([]byte, firstPiece)
	n, err := r.stdout.Read(first)
	if n > 0 {
		fill(&x.Response, http.StatusOK, f.cfg.ContentType, nil)
		x.Response.Stream = &answer{forks: f, x: x, run: r, first: first[:n]}
		return nil
	}
	if err == io.EOF { // it may go on without a stdout
		_, err = f.collect(r)
	} else {
		r.giveUp(err)
		r.end()
	}
	if err != nil && !errors.Is(err, exchange.ErrBody) { // else it was killed, and that is the answer
		return err
	}
	return f.answerEmpty(x, r)
}

// answerEmpty answers for a process that has written nothing.
func (f *Forks) answerEmpty(x *exchange.Exchange, r *run) error {
	if failure := r.exit.Failure(); failure != "" {
		f.logFailure(x, failure)
		fillText(&x.Response, http.StatusInternalServerError, f.cfg.ContentType, failure)
		return nil
	}
	fill(&x.Response, http.StatusOK, f.cfg.ContentType, nil)
	return nil
}

// answer is a process's output as it comes.
type answer struct {
	forks *Forks
	x     *exchange.Exchange
	run   *run
	first []byte // the first piece; then the buffer
}

// errUnwanted says that nobody takes the answer any more.
var errUnwanted = errors.New("nobody takes the answer")

// WriteTo is part of exchange.Stream. Its error says that the process has failed, or that the answer cannot be written.
func (a *answer) WriteTo(w io.Writer) (int64, error) {
	total := int64(0)
	piece, buf := a.first, a.first[:cap(a.first)]
	for {
		n, err := w.Write(piece)
		if total += int64(n); err != nil {
			return total, err
		}
		n, err = a.run.stdout.Read(buf)
		if err != nil && n == 0 {
			return total, a.verdict(err)
		}
		piece = buf[:n]
	}
}

// verdict is how the process ended whose output has.
func (a *answer) verdict(err error) error {
	if err != io.EOF {
		return fmt.Errorf("read what the process writes: %w", err)
	}
	<-a.run.over
	if cut := a.run.cut; cut != nil && !errors.Is(cut, exchange.ErrDeadline) {
		return cut
	}
	if failure := a.run.exit.Failure(); failure != "" {
		a.forks.logFailure(a.x, failure)
		return errors.New(failure)
	}
	return nil
}

// Close is part of exchange.Stream. A process that is still there is killed.
func (a *answer) Close() error {
	a.run.giveUp(errUnwanted)
	a.run.end()
	return nil
}
