package worker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/life"
	"fwatchdog/internal/logging"
	"fwatchdog/internal/process"
	"fwatchdog/worker/forward"
)

// UpstreamConfig says how workers are started that are HTTP servers.
type UpstreamConfig struct {
	Config
	// URL is where the server is, http only. {port} in it, and in the command, becomes a free port of the loopback; without
	// it there can be one such worker at a time.
	URL string
	// BufferBody says that a request's body is read whole before the server is called.
	BufferBody bool
}

// portPlace is what stands for a worker's own port.
const portPlace = "{port}"

// HasPort reports whether each worker gets a port of its own.
func (c UpstreamConfig) HasPort() bool { return strings.Contains(c.URL, portPlace) }

// ValidateURL reports what is wrong with the URL; ours is the port on which the watchdog itself listens.
func (c UpstreamConfig) ValidateURL(ours int) error {
	u, err := c.at(1)
	if err == nil && u.Port() == strconv.Itoa(ours) && forward.IsLoopback(u) {
		err = fmt.Errorf("upstream_url is %q: that is the watchdog's own port: give the function another", c.URL)
	}
	return err
}

// at returns the URL of a worker whose own port this is.
func (c UpstreamConfig) at(port int) (*url.URL, error) {
	u, err := url.Parse(strings.ReplaceAll(c.URL, portPlace, strconv.Itoa(port)))
	switch {
	case err != nil:
		return nil, fmt.Errorf("upstream_url is %q: %w", c.URL, errors.Unwrap(err))
	case u.Scheme != "http" || u.Hostname() == "":
		return nil, fmt.Errorf("upstream_url is %q: it must be like http://127.0.0.1:3000, or http://127.0.0.1:{port}", c.URL)
	}
	return u, nil
}

// MostConnections is how many requests an upstream takes at once when nobody has said less: it sets no limit of its own,
// and this is more than one address can have connections to one port.
const MostConnections = 1 << 16

// Upstream is a worker that is an HTTP server.
type Upstream struct {
	*plain
	client *forward.Client

	mu      sync.Mutex // guards all that follows
	first   *lease     // of the list of what is in flight
	n       int
	leaving bool
	changed chan struct{} // of capacity 1: n has, while it leaves
}

// StartUpstream starts the worker that id names and returns once its port accepts a connection. When it does not come to
// that, the process is gone for good and the error is a *StartError. A worker outlives ctx, which only ends the start.
func StartUpstream(ctx context.Context, starter *process.Starter, cfg UpstreamConfig, id life.ID, log *zap.Logger) (*Upstream, error) {
	where, err := cfg.place()
	if err != nil {
		return nil, err
	}
	cfg.Command = commandAt(cfg.Command, where.Port())
	u := &Upstream{changed: make(chan struct{}, 1)}
	if u.client, err = forward.New(forward.Config{URL: where, BufferBody: cfg.BufferBody, Grace: cfg.CancelGrace,
		Stuck: u.stuck, Failed: cfg.Counts.gaveUp, Dead: func() bool { return u.proc.Exiting() }}); err != nil {
		return nil, err
	}
	if !cfg.HasPort() && forward.IsLoopback(where) && knock(ctx, u.client.Address(), knockLast) == nil {
		log.Warn("something listens on upstream_url before the function was started: it may get the requests",
			zap.String("address", u.client.Address()))
	}
	if u.plain, err = startPlain(starter, cfg.Config, id, log); err != nil {
		return nil, err
	}
	u.opening = []zap.Field{logging.Line("Forking: %s, arguments: %v", cfg.Command.Argv[0], cfg.Command.Argv[1:]),
		logging.Line("Started logging: stderr from function."), logging.Line("Started logging: stdout from function.")}
	_ = u.proc.Stdin.Close() // it gets nothing that way
	u.readers.Go(func() { u.readLines(u.proc.Stdout, fromStdout) })
	go u.reap(u.lost)
	if err := u.awaitPort(ctx, u.client.Address()); err != nil {
		return nil, u.failStart(err, hintPort)
	}
	u.isReady(id)
	return u, nil
}

// hintPort is what to do about a server that does not listen.
const hintPort = "The function must listen on the port in its environment's PORT (also http_port), which is that of " +
	"upstream_url. If it needs longer for that, raise start_timeout."

// place is where the worker is to listen.
func (c UpstreamConfig) place() (*url.URL, error) {
	if !c.HasPort() {
		return c.at(0)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("find a free port: %w", err)
	}
	_ = l.Close() // it has told its port
	return c.at(l.Addr().(*net.TCPAddr).Port)
}

// commandAt is the command of a server that is to listen on a port.
func commandAt(c process.Command, port string) process.Command {
	if port == "" {
		port = "80"
	}
	c.Argv = slices.Clone(c.Argv)
	for i := range c.Argv {
		c.Argv[i] = strings.ReplaceAll(c.Argv[i], portPlace, port)
	}
	c.Env = append([]string{"PORT=" + port, "http_port=" + port}, process.Without(c.Env, "PORT", "http_port")...) // ours must not reach it
	return c
}

// knock returns nil when the address accepts a connection within limit.
func knock(ctx context.Context, address string, limit time.Duration) error {
	opened, err := (&net.Dialer{Timeout: limit}).DialContext(ctx, "tcp", address)
	if err == nil {
		_ = opened.Close() // nothing was sent
	}
	return err
}

const (
	// knockFirst and knockLast are the pauses between looking whether a server listens.
	knockFirst = 2 * time.Millisecond
	knockLast  = 50 * time.Millisecond
	// slowToListen is after how long it is worth a line of the log that a server does not listen.
	slowToListen = 3 * time.Second
)

// awaitPort returns once the address accepts a connection.
func (u *Upstream) awaitPort(ctx context.Context, address string) error {
	late, slow := time.NewTimer(u.cfg.StartTimeout), time.NewTimer(slowToListen)
	defer late.Stop()
	defer slow.Stop()
	for pause := knockFirst; ; pause = min(2*pause, knockLast) {
		err := knock(ctx, address, u.cfg.StartTimeout)
		if err == nil && !u.proc.Exiting() {
			return nil
		}
		select {
		case <-u.proc.Ended():
			<-u.done
			return fmt.Errorf("it ended before it listened on %s: %w", address, &endedError{exit: u.exit})
		case <-late.C:
			return fmt.Errorf("it did not listen on %s within %v: %w", address, u.cfg.StartTimeout, err)
		case <-ctx.Done():
			return ctx.Err()
		case <-slow.C:
			u.log.Warn("the function does not listen on upstream_url yet", zap.String("address", address))
		case <-time.After(pause):
		}
	}
}

// Concurrency is how many requests the worker takes at once.
func (u *Upstream) Concurrency() int { return MostConnections }

// Begin takes an exchange, which Wait runs. See pool.Worker.
func (u *Upstream) Begin(ctx context.Context, x *exchange.Exchange, over func()) (exchange.Pending, error) {
	if l := u.begin(ctx, x, over); l != nil {
		x.Wake()
		return l, nil
	}
	return nil, &exchange.LostError{Cause: exchange.CauseCrash, Unseen: true}
}

// Wait runs the exchange. See exchange.Pending.
func (l *lease) Wait() error {
	u := l.u
	err := u.client.Do(l.ctx, l.x, func() { u.end(l) })
	broken := new(forward.BrokenError)
	if !errors.As(err, &broken) {
		return err
	}
	if u.proc.Exiting() {
		return &exchange.LostError{Cause: causeOf(u.Ended()), Unseen: broken.Unsent}
	}
	if broken.Unsent {
		return &exchange.RefusedError{Refusal: exchange.NotStarted, Text: err.Error()}
	}
	return err
}

// stuck is called when an exchange has passed its time limit and its grace. A worker that serves others too is replaced,
// and one that serves nobody else is killed.
func (u *Upstream) stuck() {
	u.wishes.ask(life.Timeout)
	if u.wanted() == 0 {
		u.condemn(life.Timeout)
	}
}

// Leave sends SIGTERM, and kills the worker when ctx ends before it has gone. One that goes although others wait for it
// gets the signal when they do so no more; where it was sent, the pool has waited already. It returns once the worker is
// Done.
func (u *Upstream) Leave(ctx context.Context, why life.Reason) {
	u.blame(why)
	u.refuse()
	for !why.Planned() && u.wanted() > 0 && ctx.Err() == nil {
		select {
		case <-u.changed:
		case <-ctx.Done():
		}
	}
	u.terminate()
	select {
	case <-u.done:
		return
	case <-ctx.Done():
	}
	u.condemn(why)
	<-u.done
}
