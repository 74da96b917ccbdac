package worker

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/textproto"
	"sync"
	"time"

	"go.uber.org/zap"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/life"
	"fwatchdog/internal/process"
)

// OneshotConfig says how workers are started that know stdin and stdout only, and serve one request.
type OneshotConfig struct {
	Config
	// Headers says that method, target and headers come before the body, as a JSON object on a line.
	Headers bool
	// ContentType is that of answers; "" is the request's, or else what the answer looks like.
	ContentType string
	// MaxAnswer is the largest answer, in bytes: the program of a larger one is killed. 0 is no limit.
	MaxAnswer int64
}

// Oneshot is a program that reads a request's body to its end, writes the answer and ends. It was started before there
// was a request, so that nobody waits for its start.
type Oneshot struct {
	*plain
	cfg   OneshotConfig
	out   []byte        // what it has written; read it only after done
	begun chan struct{} // closed when it gets its request

	mu    sync.Mutex // guards over and spent
	over  func()     // of the exchange
	spent bool       // it has its request, or has gone

	// Of its exchange, once it has one.
	ctx context.Context
	x   *exchange.Exchange
	fed chan error // of capacity 1: why the request could not be given whole
}

// StartOneshot starts the worker that id names. There is no telling when such a program is ready: once it is started, it
// is. A worker outlives ctx.
func StartOneshot(starter *process.Starter, cfg OneshotConfig, id life.ID, log *zap.Logger) (*Oneshot, error) {
	p, err := startPlain(starter, cfg.Config, id, log)
	if err != nil {
		return nil, err
	}
	o := &Oneshot{plain: p, cfg: cfg, begun: make(chan struct{})}
	p.level = zap.DebugLevel // there is one for each request
	p.readers.Go(o.read)
	p.isReady(id)
	go p.reap(o.lost)
	return o, nil
}

// early is how much of what a process writes before its request is taken, in bytes. The pipe holds back one that writes more.
const early = 64 << 10

// read takes what the process writes. It ends with the process.
func (o *Oneshot) read() {
	stdout := exchange.Within(&process.Tail{Pipe: o.proc.Stdout}, o.cfg.MaxAnswer)
	o.out, _ = io.ReadAll(io.LimitReader(stdout, early)) // it fails when the pipe is closed
	if len(o.out) < early {
		return
	}
	select {
	case <-o.begun:
	case <-o.proc.Ended(): // what is left fits the pipe
	}
	o.out, _ = io.ReadAll(io.MultiReader(bytes.NewReader(o.out), stdout))
	if o.tooLarge() {
		o.proc.Kill()
	}
}

// tooLarge reports whether the program has written more than it may. Nobody writes to out meanwhile.
func (o *Oneshot) tooLarge() bool { return exchange.Exceeds(o.out, o.cfg.MaxAnswer) }

// Concurrency is one request, the only one.
func (o *Oneshot) Concurrency() int { return 1 }

// Begin gives the process its request. See pool.Worker.
func (o *Oneshot) Begin(ctx context.Context, x *exchange.Exchange, over func()) (exchange.Pending, error) {
	if o.proc.Exiting() || !o.claim(over) { // what it has written is no answer
		return nil, &exchange.LostError{Cause: exchange.CauseCrash, Unseen: true}
	}
	o.ctx, o.x, o.fed = ctx, x, make(chan error, 1)
	close(o.begun)
	o.blame(life.MaxRequests)
	go func() { o.fed <- o.feed(&x.Request) }()
	x.Wake()
	return o, nil
}

// Wait waits for the end of the process. See exchange.Pending.
func (o *Oneshot) Wait() error {
	err := o.await(o.ctx, o.x.Request.Timeout)
	if o.x.Request.Stream != nil {
		_ = o.x.Request.Stream.Close() // nobody wants the rest
	}
	broken := <-o.fed // the process's end has ended what waited for it
	switch err = cmp.Or(err, broken); {
	case err != nil:
		return err
	case o.tooLarge():
		return &exchange.LargeError{Most: o.cfg.MaxAnswer}
	}
	o.answer(o.x)
	return nil
}

// claim makes over the end of the worker's exchange, unless it had one or has gone.
func (o *Oneshot) claim(over func()) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.spent {
		return false
	}
	o.spent, o.over = true, over
	return true
}

// lost gives the place back when the process has gone.
func (o *Oneshot) lost() {
	o.mu.Lock()
	over, served := o.over, o.spent // or was to leave
	o.spent = true
	o.mu.Unlock()
	if served {
		over()
		return
	}
	o.hint = HintEarly
}

// HintEarly is what to do about a program that ends before it got a request.
const HintEarly = "In mode warm a program is started before there is a request, and must wait for it on stdin. One that does " +
	"not read stdin, or that needs the request in its environment, runs in mode classic: set mode=classic."

// await waits for the end of the process, and brings it about when the time is up or ctx ends.
func (o *Oneshot) await(ctx context.Context, limit time.Duration) (err error) {
	var late <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-o.done:
	case <-late:
		o.cfg.Counts.gaveUp(exchange.ErrDeadline)
		o.condemn(life.Timeout) // its answer says how it ended
	case <-ctx.Done():
		err = ctx.Err()
		o.cfg.Counts.gaveUp(err)
		o.proc.Kill()
	}
	<-o.done
	return err
}

// feed writes the request to the process's stdin, and ends it. That the process does not read it is no error; that the
// client's body breaks off is, and ends the process.
func (o *Oneshot) feed(r *exchange.Request) error {
	if o.cfg.Headers {
		_, _ = o.proc.Stdin.Write(headerLine(r)) // it need not read it
	}
	_, _ = o.proc.Stdin.Write(r.Body)
	if r.Stream != nil {
		if err := exchange.Pour(o.proc.Stdin, r.Stream); err != nil {
			select {
			case <-o.proc.Ended(): // it has answered without the rest, which Wait has closed
				return nil
			default:
			}
			o.proc.Kill() // it must not take what came for the whole
			return err
		}
	}
	_ = o.proc.Stdin.Close() // what it has not taken it does not want
	return nil
}

// headerLine is what a process is told of its request beside the body.
func headerLine(r *exchange.Request) []byte {
	line := struct {
		Method string      `json:"method"`
		Target string      `json:"target"`
		Header http.Header `json:"header"`
	}{string(r.Method), string(r.Target), http.Header{}}
	for _, f := range r.Header {
		line.Header.Add(textproto.CanonicalMIMEHeaderKey(string(f.Key)), string(f.Value))
	}
	text, _ := json.Marshal(line) // texts can always be marshalled
	return append(text, '\n')
}

// answer makes the response of what the process has written, or of how it has failed.
func (o *Oneshot) answer(x *exchange.Exchange) {
	r := &x.Response
	if failure := o.exit.Failure(); failure != "" {
		r.Begin(http.StatusInternalServerError, len(contentType)+len(plainText))
		r.Add([]byte(contentType), []byte(plainText))
		r.Body = append(r.Body, failure...)
		return
	}
	kind := []byte(o.cfg.ContentType)
	for _, f := range x.Request.Header {
		if len(kind) == 0 && bytes.EqualFold(f.Key, []byte(contentType)) {
			kind = f.Value
		}
	}
	r.Begin(http.StatusOK, len(contentType)+len(kind))
	if len(kind) > 0 {
		r.Add([]byte(contentType), kind)
	}
	r.Body = o.out // the process wrote it for this response alone
}

const (
	contentType = "content-type"
	plainText   = "text/plain; charset=utf-8"
)

// Leave ends the process, which waits for a request that does not come; its end of stdin would look like one. It is killed
// when ctx ends before it has gone. Leave returns once the worker is Done.
func (o *Oneshot) Leave(ctx context.Context, why life.Reason) {
	o.blame(why)
	if o.claim(func() {}) { // it gets none any more
		o.terminate()
	}
	select {
	case <-o.done:
		return
	case <-ctx.Done():
	}
	o.condemn(why)
	<-o.done
}
