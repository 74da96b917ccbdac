package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
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
	errHelloLate = errors.New("it did not say HELLO within hello_timeout")
	errReadyLate = errors.New("it said HELLO but was not READY within start_timeout")
	errEcho      = errors.New("it sent back what was sent to it")
	errBanner    = errors.New("it wrote more than 64 KiB of text before HELLO")
)

// What a worker may not say in a handshake.
var (
	errNoHello   = errors.New("a frame before HELLO")
	errTwoHellos = errors.New("a second HELLO")
	errTwoReadys = errors.New("a second READY")
)

// initError is what a worker says whose function could not be loaded.
type initError struct{ text string }

func (e *initError) Error() string { return "the function could not be loaded: " + e.text }

// versionError says that the two sides speak different versions, and which.
type versionError struct{ error }

// endedError says that the process ended before it was READY.
type endedError struct{ exit process.Exit }

func (e *endedError) Error() string { return "it ended before it was READY, with " + e.exit.String() }

// handshake is the part of a worker's life before READY, and what was agreed in it. The reader writes the fields; others
// read them once the worker is READY.
type handshake struct {
	hello       []byte // our own
	greeted     bool
	isReady     bool
	window      bool
	exclusive   bool
	pingBusy    bool
	concurrency int
	sdk         string
	runtime     string
	features    []string         // as the worker named them
	stacks      []syscall.Signal // on which it writes its stacks and goes on

	helloed chan struct{}
	readied chan struct{}
	failed  chan error // of capacity 1: why there will be no READY
}

func newHandshake(id life.ID) handshake {
	return handshake{
		hello: protocol.AppendHello(nil,
			"max_frame", strconv.Itoa(protocol.MaxPayload),
			"window", strconv.Itoa(protocol.DefaultWindow),
			"slot", strconv.Itoa(id.Slot),
			"generation", strconv.Itoa(id.Generation),
			"features", strings.Join([]string{featureWindow, featureExclusive, featurePingBusy}, " ")),
		concurrency: 1,
		helloed:     make(chan struct{}),
		readied:     make(chan struct{}),
		failed:      make(chan error, 1),
	}
}

// environment is the worker's environment: the configured one and the variables of PROTOCOL.md section 1, which no
// variable of the same name can hide.
func environment(cfg Config, id life.ID) []string {
	own := []string{"FWATCHDOG_WORKER=1", "FWATCHDOG_SLOT=" + strconv.Itoa(id.Slot),
		"FWATCHDOG_GENERATION=" + strconv.Itoa(id.Generation)}
	if cfg.Command.FD3 {
		own = append(own, "FWATCHDOG_OUT_FD=3")
	}
	if cfg.Concurrency > 0 {
		own = append(own, "FWATCHDOG_CONCURRENCY="+strconv.Itoa(cfg.Concurrency))
	}
	return append(own, process.Without(cfg.Command.Env, "FWATCHDOG_WORKER", "FWATCHDOG_SLOT", "FWATCHDOG_GENERATION",
		"FWATCHDOG_OUT_FD", "FWATCHDOG_CONCURRENCY")...)
}

// shakeHands waits until the worker is READY.
func (f *Framed) shakeHands(ctx context.Context) error {
	if err := f.talk.await(ctx, f.talk.helloed, f.cfg.HelloTimeout, errHelloLate); err != nil {
		return err
	}
	return f.talk.await(ctx, f.talk.readied, f.cfg.StartTimeout, errReadyLate)
}

// await waits for a step of the handshake; late is the error when it takes longer than limit.
func (t *handshake) await(ctx context.Context, step <-chan struct{}, limit time.Duration, late error) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-step:
		return nil
	case err := <-t.failed:
		return err
	case <-timer.C:
		return fmt.Errorf("%w (%v)", late, limit)
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

// onHello takes the worker's HELLO.
func (t *handshake) onHello(payload []byte) error {
	if t.greeted {
		return errTwoHellos
	}
	if bytes.Equal(payload, t.hello[protocol.HeaderSize:]) {
		return errEcho
	}
	hello, err := protocol.ParseHello(payload)
	if err != nil {
		return err
	}
	if _, err := hello.Common(); err != nil {
		return &versionError{err}
	}
	t.sdk, _ = hello.Pairs.Get("sdk")
	t.runtime, _ = hello.Pairs.Get("runtime")
	stacks, _ := hello.Pairs.Get("stacks")
	t.stacks = stackSignals(stacks)
	features, _ := hello.Pairs.Get("features")
	t.features = strings.Fields(features)
	t.window = slices.Contains(t.features, featureWindow)
	t.exclusive = slices.Contains(t.features, featureExclusive)
	t.pingBusy = slices.Contains(t.features, featurePingBusy)
	if err := t.agreeConcurrency(hello.Pairs); err != nil {
		return err
	}
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
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n == 0 {
		return fmt.Errorf("%w: concurrency %q in HELLO is not a number from 1 up", protocol.ErrPayload, text)
	}
	if t.window {
		t.concurrency = int(n)
	}
	return nil
}

// onReady takes the worker's READY.
func (t *handshake) onReady(payload []byte) error {
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
