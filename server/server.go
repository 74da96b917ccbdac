// Package server is the HTTP side: fasthttp in, statuses out. It translates a request into an exchange, hands it to the
// function behind it (a pool), and turns the response, or the error, into an answer. It knows no process and no frame.
//
// invoke.go is the way of a request, from top to bottom. calls.go counts requests in flight and notices clients that
// have left (leave.go). verdict.go holds the one switch from errors to statuses.
package server

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"fwatchdog/internal/bounds"
	"fwatchdog/internal/exchange"
	"fwatchdog/internal/tracing"
)

// Config is what the server is told at its start.
type Config struct {
	// MaxInflight is how many requests may be in flight, waiting ones included; 0 is no limit.
	MaxInflight int
	// MaxBody is the largest body of a request in bytes; 0 is no limit.
	MaxBody int64
	// ReadTimeout is how long the client may take for the header, and for each further piece of the body; it is also
	// how long an idle connection is kept. 0 is no limit.
	ReadTimeout time.Duration
	// WriteTimeout is how long the client may take for a piece of the response; 0 is no limit.
	WriteTimeout time.Duration
	// ExecTimeout is how long the function may take from the moment it gets a request; 0 is no limit.
	ExecTimeout time.Duration
	// AccessLog says which calls have a line in the log: one of AccessLogs; "" is errors.
	AccessLog string
	// SlowLog is how long a call may take before it has one, whatever AccessLog says; 0 is as long as it likes.
	SlowLog time.Duration
	// Profile is what the mode asks for.
	Profile Profile
	// Guard decides which requests may reach the function; nil is all.
	Guard Guard
	// Locked reports whether the lock file is there, when health depends on it; nil otherwise.
	Locked func() bool
	// Tracer makes spans of requests; nil makes none.
	Tracer *tracing.Tracer
}

// Validate reports every field that is out of range.
func (c Config) Validate() error {
	var check bounds.Check
	bad := check.Bad
	bad(c.MaxInflight < 0, "max_inflight", c.MaxInflight, "0, which is no limit, or more")
	bad(c.MaxBody < 0, "max_body", c.MaxBody, "0, which is no limit, or more")
	bad(c.ReadTimeout < 0, "read_timeout", c.ReadTimeout, "0, which is no limit, or more")
	bad(c.WriteTimeout < 0, "write_timeout", c.WriteTimeout, "0, which is no limit, or more")
	bad(c.ExecTimeout < 0, "exec_timeout", c.ExecTimeout, "0, which is no limit, or more")
	bad(c.AccessLog != "" && !slices.Contains(AccessLogs, c.AccessLog), "access_log", c.AccessLog, "one of "+strings.Join(AccessLogs, ", "))
	bad(c.SlowLog < 0, "slow_log", c.SlowLog, "0, which is never, or more")
	return check.Err()
}

// Guard decides which requests may reach the function.
type Guard interface {
	// Check returns nil for one that may, else an error of package auth. It may take seconds.
	Check(authorization string) error
}

// Function is what answers requests.
type Function interface {
	// Do fills x.Response or says why there is none. ctx ends when the response is no longer wanted.
	Do(ctx context.Context, x *exchange.Exchange) error
	// Ready reports whether requests would be answered now.
	Ready() bool
	// RetryAfter is when a refused request should come again, in whole seconds.
	RetryAfter() int
}

// Observer is told of every request of the function path.
type Observer interface {
	Begin(at time.Time)
	// End is told once for each Begin, and begun is its time. served says whether a worker got the request; refused names why
	// the pool, or max_inflight, turned it away, "" when they did not.
	End(method string, status int, begun time.Time, took, waited time.Duration, served bool, refused string)
}

// Server answers HTTP on one listener.
type Server struct {
	cfg   Config
	fn    Function
	watch Observer
	log   *zap.Logger
	http  *fasthttp.Server
	large *fasthttp.Server // for connections with large heads
	conns conns
	calls *calls

	draining  atomic.Bool
	notice    atomic.Pointer[string] // see Announce; nil most of the time
	accepting chan struct{}          // closed once fasthttp knows the listener: only then can it be told to close it
	accepted  sync.Once
	listener  listener // read it only after accepting
}

// New returns a server that is not yet listening.
func New(cfg Config, fn Function, watch Observer, log *zap.Logger) (*Server, error) {
	longest := time.Duration(0)
	if cfg.Profile.WholeTimeouts {
		longest = cfg.WriteTimeout
	}
	calls, err := newCalls(cfg.MaxInflight, longest)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, fn: fn, watch: watch, log: log, calls: calls, accepting: make(chan struct{})}
	s.http, s.large = s.fasthttp(smallHead), s.fasthttp(max(largeHead, cfg.Profile.HeadLimit))
	return s, nil
}

// writeBuffer holds the head of a response and a small body, in bytes. What is larger is not copied into it.
const writeBuffer = 2 << 10

// fasthttp returns a server whose connections have read buffers of this size.
func (s *Server) fasthttp(readBuffer int) *fasthttp.Server {
	return &fasthttp.Server{
		Handler:                       s.handle,
		ErrorHandler:                  s.badRequest,
		ExpectHandler:                 s.expect,
		HeaderReceived:                showExpect,
		Logger:                        quiet{s.log},
		ReadBufferSize:                readBuffer,
		WriteBufferSize:               writeBuffer,
		ReadTimeout:                   s.cfg.ReadTimeout,
		WriteTimeout:                  s.cfg.WriteTimeout,
		MaxRequestBodySize:            1, // of a body that is streamed: what fasthttp reads of it before it hands over
		StreamRequestBody:             true,
		DisablePreParseMultipartForm:  true,
		DisableHeaderNamesNormalizing: true,
		NoDefaultServerHeader:         true,
		NoDefaultContentType:          true,
		CloseOnShutdown:               true,
		LazyRequestTime:               true,
		TCPKeepalive:                  true,
	}
}

// Serve answers requests on the listener until Shutdown, and watches for clients that leave.
func (s *Server) Serve(listening net.Listener) error {
	stop := make(chan struct{})
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		s.calls.watch(stop)
	}()
	defer s.accept()
	s.listener = listener{listening, &s.conns, s.accept, func(c *conn) { s.conns.serve(c, s.large) }, s.cfg.Profile.WholeTimeouts, s.log}
	err := s.http.Serve(s.listener)
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	s.calls.wait()
	s.conns.end()
	close(stop)
	<-watching
	return nil
}

// accept says that the listener can be closed.
func (s *Server) accept() { s.accepted.Do(func() { close(s.accepting) }) }

// Drain makes the probes say that the instance goes; requests are served as before, with Connection: close.
func (s *Server) Drain() { s.draining.Store(true) }

// Announce adds a text of one line to every answer from now on, as X-Fwatchdog-Reload-Error; "" ends that.
func (s *Server) Announce(text string) {
	if text == "" {
		s.notice.Store(nil)
		return
	}
	s.notice.Store(&text)
}

// Draining reports whether Drain was called.
func (s *Server) Draining() bool { return s.draining.Load() }

// InFlight is how many requests are being answered.
func (s *Server) InFlight() int { return s.calls.running() }

// Shutdown closes the listener, and waits until no request is in flight or ctx ends; what is in flight then is
// cancelled, and their number returned. Serve must have been called, or be about to be.
func (s *Server) Shutdown(ctx context.Context) (cut int) {
	s.Drain()
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		<-s.accepting
		s.listener.settle()
		_ = s.http.ShutdownWithContext(ctx) // its error says only that ctx has ended
	}()
	select {
	case <-s.calls.idle():
		s.endUnfinished(ctx, finished)
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		cut = s.calls.cancelAll(exchange.ErrHostStops)
		s.conns.stopIdle(0)
		await(s.conns.gone(), farewell) // who takes the answer gets it
		s.conns.stopAll()
	}
	<-finished
	return cut
}

const (
	// arriving is how long a request may take to arrive whose first bytes came before the listener was closed, or on whose
	// connection nothing has come yet.
	arriving = 500 * time.Millisecond
	// farewell is how long clients may take for the answers that say that their requests were cut off.
	farewell = time.Second
)

// endUnfinished ends the connections on which no request has come by a while after the last was answered. It returns when all
// connections are closed, or ctx ends.
func (s *Server) endUnfinished(ctx context.Context, finished <-chan struct{}) {
	for !await(finished, arriving) && ctx.Err() == nil {
		s.conns.stopIdle(arriving)
	}
}

// await reports whether done is closed within d.
func await(done <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// quiet takes fasthttp's log lines: they concern single connections, and nobody can act on them.
type quiet struct{ log *zap.Logger }

// Printf is part of fasthttp.Logger.
func (q quiet) Printf(format string, args ...any) {
	q.log.Debug("connection failed", zap.String("error", fmt.Sprintf(format, args...)))
}
