// Package server is the HTTP side: fasthttp in, statuses out. It translates a request into an exchange, hands it to the
// function behind it (a pool), and turns the response, or the error, into an answer. It knows no process and no frame.
//
// invoke.go is the way of a request, from top to bottom. calls.go counts requests in flight and notices clients that
// have left. answer.go holds the one switch from errors to statuses.
package server

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"fwatchdog/internal/exchange"
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
}

// Validate reports every field that is out of range.
func (c Config) Validate() error {
	var errs []error
	bad := func(is bool, name string, value any, must string) {
		if is {
			errs = append(errs, fmt.Errorf("%s is %v: it must be %s", name, value, must))
		}
	}
	bad(c.MaxInflight < 0, "max_inflight", c.MaxInflight, "0, which is no limit, or more")
	bad(c.MaxBody < 0, "max_body", c.MaxBody, "0, which is no limit, or more")
	bad(c.ReadTimeout < 0, "read_timeout", c.ReadTimeout, "0, which is no limit, or more")
	bad(c.WriteTimeout < 0, "write_timeout", c.WriteTimeout, "0, which is no limit, or more")
	bad(c.ExecTimeout < 0, "exec_timeout", c.ExecTimeout, "0, which is no limit, or more")
	return errors.Join(errs...)
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
	Begin()
	// End is told once for each Begin. refused names the limit that turned the request away, "" when none did; it
	// counts what the function behind the server does not count itself.
	End(method string, status int, took, waited time.Duration, refused string)
}

// Server answers HTTP on one listener.
type Server struct {
	cfg   Config
	fn    Function
	watch Observer
	log   *zap.Logger
	http  *fasthttp.Server
	large *fasthttp.Server // for connections with large heads
	moved moved
	calls *calls

	draining atomic.Bool
}

// New returns a server that is not yet listening.
func New(cfg Config, fn Function, watch Observer, log *zap.Logger) (*Server, error) {
	calls, err := newCalls(cfg.MaxInflight)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, fn: fn, watch: watch, log: log, calls: calls}
	s.http, s.large = s.fasthttp(smallHead), s.fasthttp(largeHead)
	return s, nil
}

// fasthttp returns a server whose connections have read buffers of this size.
func (s *Server) fasthttp(readBuffer int) *fasthttp.Server {
	return &fasthttp.Server{
		Handler:                       s.handle,
		ErrorHandler:                  s.badRequest,
		ExpectHandler:                 s.expect,
		Logger:                        quiet{s.log},
		ReadBufferSize:                readBuffer,
		ReadTimeout:                   s.cfg.ReadTimeout,
		WriteTimeout:                  s.cfg.WriteTimeout,
		MaxRequestBodySize:            math.MaxInt,
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
	err := s.http.Serve(listener{listening, func(c *conn) { s.moved.serve(c, s.large) }})
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	s.calls.wait()
	s.moved.end()
	close(stop)
	<-watching
	return nil
}

// Drain makes the probes say that the instance goes; requests are served as before, with Connection: close.
func (s *Server) Drain() { s.draining.Store(true) }

// Shutdown closes the listener, and waits until no request is in flight or ctx ends; what is in flight then is
// cancelled, and their number returned.
func (s *Server) Shutdown(ctx context.Context) (cut int) {
	s.Drain()
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		_ = s.http.ShutdownWithContext(ctx) // its error says only that ctx has ended
	}()
	select {
	case <-s.calls.idle():
	case <-ctx.Done():
		cut = s.calls.cancelAll(exchange.ErrHostStops)
	}
	<-finished
	return cut
}

// quiet takes fasthttp's log lines: they concern single connections, and nobody can act on them.
type quiet struct{ log *zap.Logger }

// Printf is part of fasthttp.Logger.
func (q quiet) Printf(format string, args ...any) {
	q.log.Debug("connection failed", zap.String("error", fmt.Sprintf(format, args...)))
}
