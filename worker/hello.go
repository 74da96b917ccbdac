package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"fwatchdog/internal/life"
	"fwatchdog/internal/process"
	"fwatchdog/protocol"
)

// The features of PROTOCOL.md section 4.
const (
	featureWindow    = "window"
	featureExclusive = "exclusive"
	featurePingBusy  = "ping-busy"
)

// Why a handshake fails, beside violations of the protocol.
var (
	errNoHello   = errors.New("a frame before HELLO")
	errHelloLate = errors.New("it did not say HELLO in time (hello_timeout)")
	errReadyLate = errors.New("it said HELLO but was not READY in time (start_timeout)")
	errEcho      = errors.New("it sent our own HELLO back")
	errBanner    = errors.New("it wrote more than 64 KiB of text before HELLO")
	errTwoHellos = errors.New("a second HELLO")
	errTwoReadys = errors.New("a second READY")
)

// initError is what a worker says whose function could not be loaded.
type initError struct{ text string }

func (e *initError) Error() string { return "the function could not be loaded: " + e.text }

// endedError says that the process ended before it was READY.
type endedError struct{ exit process.Exit }

func (e *endedError) Error() string { return "it ended before it was READY, with " + e.exit.String() }

// handshake is the part of a worker's life before READY, and what was agreed in it. The reader writes the fields; others
// read them once the worker is READY.
type handshake struct {
	sent        []byte // our HELLO's payload
	greeted     bool
	isReady     bool
	window      bool
	exclusive   bool
	pingBusy    bool
	concurrency int
	sdk         string
	runtime     string
	features    []string // as the worker named them

	helloed chan struct{}
	readied chan struct{}
	failed  chan error // of capacity 1: why there will be no READY
}

func newHandshake() handshake {
	return handshake{
		concurrency: 1,
		helloed:     make(chan struct{}),
		readied:     make(chan struct{}),
		failed:      make(chan error, 1),
	}
}

// environment is the worker's environment: the configured one and the variables of PROTOCOL.md section 1.
func environment(cfg Config, id life.ID) []string {
	env := append([]string{}, cfg.Command.Env...)
	env = append(env, "FWATCHDOG_WORKER=1", "FWATCHDOG_SLOT="+strconv.Itoa(id.Slot),
		"FWATCHDOG_GENERATION="+strconv.Itoa(id.Generation))
	if cfg.Command.FD3 {
		env = append(env, "FWATCHDOG_OUT_FD=3")
	}
	if cfg.Concurrency > 0 {
		env = append(env, "FWATCHDOG_CONCURRENCY="+strconv.Itoa(cfg.Concurrency))
	}
	return env
}

// appendHello appends the host's HELLO.
func appendHello(dst []byte, id life.ID) []byte {
	return protocol.AppendHello(dst,
		"max_frame", strconv.Itoa(protocol.MaxPayload),
		"window", strconv.Itoa(protocol.DefaultWindow),
		"slot", strconv.Itoa(id.Slot),
		"generation", strconv.Itoa(id.Generation),
		"features", strings.Join([]string{featureWindow, featureExclusive, featurePingBusy}, " "))
}

// shakeHands sends HELLO and waits until the worker is READY.
func (f *Framed) shakeHands(ctx context.Context) error {
	if err := f.talk.await(ctx, f.talk.helloed, f.cfg.HelloTimeout, errHelloLate); err != nil {
		return err
	}
	return f.talk.await(ctx, f.talk.readied, f.cfg.StartTimeout, errReadyLate)
}

// await waits for a step of the handshake.
func (t *handshake) await(ctx context.Context, step <-chan struct{}, limit time.Duration, late error) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-step:
		return nil
	case err := <-t.failed:
		return err
	case <-timer.C:
		return late
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fail ends a handshake that is under way, and reports whether one was.
func (t *handshake) fail(err error) bool {
	select {
	case <-t.readied:
		return false
	default:
	}
	select {
	case t.failed <- err:
	default: // the first reason stays
	}
	return true
}

// hello takes the worker's HELLO.
func (t *handshake) hello(payload []byte) error {
	if t.greeted {
		return errTwoHellos
	}
	if bytes.Equal(payload, t.sent) {
		return errEcho
	}
	hello, err := protocol.ParseHello(payload)
	if err != nil {
		return err
	}
	if _, err := hello.Common(); err != nil {
		return err
	}
	features, _ := hello.Pairs.Get("features")
	t.features = strings.Fields(features)
	for _, feature := range t.features {
		switch feature {
		case featureWindow:
			t.window = true
		case featureExclusive:
			t.exclusive = true
		case featurePingBusy:
			t.pingBusy = true
		}
	}
	if err := t.agreeConcurrency(hello.Pairs); err != nil {
		return err
	}
	t.sdk, _ = hello.Pairs.Get("sdk")
	t.runtime, _ = hello.Pairs.Get("runtime")
	t.greeted = true
	close(t.helloed)
	return nil
}

// agreeConcurrency takes how many streams the worker wants; one that knows no window gets one.
func (t *handshake) agreeConcurrency(pairs protocol.Pairs) error {
	text, ok := pairs.Get("concurrency")
	if !ok {
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return fmt.Errorf("%w: concurrency %q in HELLO is not a number from 1 up", protocol.ErrPayload, text)
	}
	if t.window {
		t.concurrency = n
	}
	return nil
}

// becomeReady takes the worker's READY.
func (t *handshake) becomeReady(payload []byte) error {
	if _, err := protocol.ParseReady(payload); err != nil {
		return err
	}
	if t.isReady {
		return errTwoReadys
	}
	t.isReady = true
	close(t.readied)
	return nil
}

// limit is the largest payload that the worker may send now.
func (t *handshake) limit(fd3 bool) int {
	if t.greeted && (t.exclusive || fd3) {
		return protocol.MaxPayload
	}
	return protocol.MaxSharedPayload
}
