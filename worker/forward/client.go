// Package forward carries an exchange to an HTTP/1.1 server and its answer back, as the function's own: names, order and
// repetition of headers, the raw target and every byte of both bodies stay what they were. What concerns one connection
// only is made anew.
//
// It is not an HTTP client for general use. It speaks with one server, follows no redirect, keeps no cookie, invents no
// header, and writes and reads an exchange in as few system calls as there can be:
//
//	Do --head and small body in one write--> | server | --head and what came with it in one read--> exchange.Response
//	    --upload, a goroutine, for a streamed body-->      --WriteTo: piece by piece-->
//
// A connection serves one exchange at a time. Nobody but the exchange's own goroutines touches it, apart from abort, which
// only moves its deadline, so that whoever waits wakes up.
package forward

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"fwatchdog/internal/exchange"
)

const (
	// idleTimeout is how long a connection is kept that nobody uses, and idleMost how many are.
	idleTimeout = 500 * time.Millisecond
	idleMost    = 100
)

// Config says where to and how.
type Config struct {
	// URL is the server's: http, a host, and a path that is put before every target.
	URL *url.URL
	// BufferBody says that a request's body is read whole before the server is called.
	BufferBody bool
	// Grace is how long an exchange may take to end once its time limit has passed; 0 is no time.
	Grace time.Duration
	// Stuck is called when one has not ended by then. It must be set, and must not block.
	Stuck func()
	// Failed is told why an exchange has failed, as Do's error is, also when that was within the response's body. It must be
	// set, and must not block.
	Failed func(err error)
	// Dead reports whether the server has gone: what it sent until the connection's end may not be all.
	Dead func() bool
}

// BrokenError says that the server could not be reached, or broke off, or answered what is no HTTP.
type BrokenError struct {
	// Unsent says that the server has got nothing of the request.
	Unsent bool
	Err    error
}

// Error says what happened.
func (e *BrokenError) Error() string { return "upstream: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *BrokenError) Unwrap() error { return e.Err }

// Client speaks with one server. Any number of exchanges may run at once.
type Client struct {
	cfg    Config
	addr   string // what is dialed
	prefix string // what stands before a target
	host   string // for a request that has no Host
	extra  string // a header for the proxy, or ""
	dialer net.Dialer

	late sync.WaitGroup // the ends of exchanges after their time limit

	mu     sync.Mutex // guards all that follows
	idle   []*conn    // the one that was used last at the end
	sweep  *time.Timer
	awake  bool // sweep will run
	closed bool
	linger map[*conn]struct{} // whose exchange has passed its time limit
}

// New returns a client. A proxy that HTTP_PROXY and NO_PROXY name for the server is used; none is for loopback.
func New(cfg Config) (*Client, error) {
	c := &Client{cfg: cfg, addr: address(cfg.URL), prefix: strings.TrimSuffix(cfg.URL.EscapedPath(), "/"),
		host: cfg.URL.Host, linger: map[*conn]struct{}{}}
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: cfg.URL})
	if err != nil {
		return nil, fmt.Errorf("HTTP_PROXY: %w", err)
	}
	if proxy != nil {
		c.addr, c.prefix = address(proxy), "http://"+cfg.URL.Host+c.prefix
		if proxy.User != nil {
			c.extra = "Proxy-Authorization: " + basic(proxy.User) + "\r\n"
		}
	}
	c.sweep = time.AfterFunc(time.Hour, c.closeIdle)
	c.sweep.Stop() // until there is something to close
	return c, nil
}

// basic is the value of an Authorization header.
func basic(user *url.Userinfo) string {
	r := &http.Request{Header: http.Header{}}
	password, _ := user.Password()
	r.SetBasicAuth(user.Username(), password)
	return r.Header.Get("Authorization")
}

// Address is where connections go to: the server, or the proxy before it.
func (c *Client) Address() string { return c.addr }

// address is the host and port of a URL.
func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// IsLoopback reports whether a URL names this machine by its loopback.
func IsLoopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// Close closes the connections that nobody uses, and those whose exchange is over but for its end. Exchanges that run go
// on.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	c.sweep.Stop()
	for _, cn := range c.idle {
		_ = cn.Close() // nothing was written that matters
	}
	c.idle = nil
	for cn := range c.linger {
		_ = cn.Close()
	}
	c.mu.Unlock()
	c.late.Wait()
}

// Do runs one exchange. over is called exactly once, when the server has nothing to do with it any more, which may be
// before or after Do returns. The error is the client's own, exchange.ErrDeadline, what ctx ended with, or a *BrokenError.
func (c *Client) Do(ctx context.Context, x *exchange.Exchange, over func()) error {
	t := &trip{c: c, ctx: ctx, x: x, over: over}
	if x.Request.Timeout > 0 {
		t.deadline = time.Now().Add(x.Request.Timeout)
	}
	err := t.run()
	if err != nil {
		err = t.why(err)
		t.fail(err)
	}
	return err
}

// why is what an exchange has failed with: what came first, not what followed from it.
func (t *trip) why(err error) error {
	switch {
	case t.ctx.Err() != nil:
		return t.ctx.Err()
	case t.expired():
		return exchange.ErrDeadline
	case t.upload != nil && t.upload.failed.Load() != nil:
		return *t.upload.failed.Load()
	}
	return err
}
