package conformance

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"fwatchdog/internal/process"
	"fwatchdog/protocol"
)

// patience is how long a worker may take for anything that is expected of it, unless the target says otherwise.
const patience = 15 * time.Second

// frame is a frame that the worker sent.
type frame struct {
	protocol.Header
	payload []byte
}

// peer is the host's side of one worker, played byte by byte. Its first failure stays in err and makes every later call do
// nothing, so that a check reads as a plain list of steps.
type peer struct {
	proc     *process.Process
	out      io.Closer // our end of what it writes frames to
	patience time.Duration
	minimal  bool // whatever the function answers is right

	frames chan frame // closed at the end of the worker's output
	ended  error      // why it ended; read it once frames is closed
	output *bytes.Buffer
	stray  *bytes.Buffer // read it once frames is closed
	stderr *bytes.Buffer
	quiet  chan struct{} // closed at the end of stderr

	backlog []frame        // taken from frames and not yet asked for
	credit  map[uint32]int // DATA bytes that may be sent on a stream
	stream  uint32         // the last one
	hello   protocol.Hello
	windows bool     // it knows WINDOW
	talk    []string // what was said, for the report
	err     error
}

// start starts the worker and does not yet say HELLO.
func start(starter *process.Starter, target Target, env ...string) *peer {
	p := &peer{frames: make(chan frame, 1<<16), credit: map[uint32]int{}, quiet: make(chan struct{}),
		output: new(bytes.Buffer), stray: new(bytes.Buffer), stderr: new(bytes.Buffer),
		patience: cmp.Or(target.Patience, patience), minimal: target.Minimal}
	command := target.command()
	command.Env = append(command.Env, env...)
	proc, err := starter.Start(command)
	if err != nil {
		p.err = err
		close(p.frames)
		close(p.quiet)
		return p
	}
	p.proc = proc
	out := proc.Stdout
	if target.FD3 {
		out = proc.FD3
	}
	p.out = out
	limit := protocol.MaxSharedPayload // until HELLO says that fd 1 is the protocol's alone
	if target.FD3 {
		limit = protocol.MaxPayload
	}
	reader := protocol.NewReader(&process.Tail{Pipe: out}, protocol.Worker, limit)
	reader.Stray = func(text []byte) { p.stray.Write(text) }
	go p.read(reader)
	go func() {
		defer close(p.quiet)
		_ = process.Lines(&process.Tail{Pipe: proc.Stderr}, 4096, func(line []byte) { p.stderr.Write(append(line, '\n')) })
	}()
	return p
}

func (p *peer) read(reader *protocol.Reader) {
	defer close(p.frames)
	for {
		h, payload, err := reader.Next()
		if err != nil {
			p.ended = err
			return
		}
		if h.Type == protocol.TypeHello && saysFeature(payload, "exclusive") {
			reader.Limit(protocol.MaxPayload)
		}
		p.frames <- frame{h, bytes.Clone(payload)}
	}
}

// saysFeature reports whether a HELLO names a feature.
func saysFeature(hello []byte, feature string) bool {
	h, err := protocol.ParseHello(hello)
	if err != nil {
		return false // greet says so
	}
	features, _ := h.Pairs.Get("features")
	return hasWord(features, feature)
}

// stop ends the worker, whatever state it is in, and adds what is known to the error.
func (p *peer) stop() error {
	if p.proc == nil {
		return p.err
	}
	p.proc.Kill()
	<-p.proc.Ended()
	p.bury()
	if p.err == nil {
		return nil
	}
	var report strings.Builder
	fmt.Fprintf(&report, "%v", p.err)
	if n := len(p.talk); n > 0 {
		fmt.Fprintf(&report, "\nlast frames:\n  %s", strings.Join(p.talk[max(0, n-12):], "\n  "))
	}
	if p.stderr.Len() > 0 {
		fmt.Fprintf(&report, "\nstderr:\n  %s", strings.ReplaceAll(strings.TrimSpace(p.stderr.String()), "\n", "\n  "))
	}
	return errors.New(report.String())
}

func (p *peer) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

// note records a frame for the report, which ends with the first failure.
func (p *peer) note(arrow string, h protocol.Header, payload []byte) {
	if p.err != nil {
		return
	}
	text := fmt.Sprintf("%s %v", arrow, h)
	switch h.Type {
	case protocol.TypeError, protocol.TypeLog, protocol.TypeGoAway:
		text += fmt.Sprintf(" %.60q", payload)
	}
	p.talk = append(p.talk, text)
}

// send writes whole frames to the worker.
func (p *peer) send(frames []byte) {
	if p.err != nil {
		return
	}
	r := protocol.NewReader(bytes.NewReader(frames), protocol.Host, protocol.MaxPayload)
	for h, payload, err := r.Next(); err == nil; h, payload, err = r.Next() {
		p.note("host  ", h, payload)
	}
	p.write(frames)
}

// write writes bytes to the worker, whatever they are.
func (p *peer) write(raw []byte) {
	if p.err != nil {
		return
	}
	_ = p.proc.Stdin.SetWriteDeadline(time.Now().Add(p.patience)) // a pipe of ours has deadlines
	if _, err := p.proc.Stdin.Write(raw); err != nil {
		p.fail("the worker does not read its stdin: %v", err)
	}
}

// greet shakes hands, with a HELLO of the check's own if there is one, and waits for READY.
func (p *peer) greet(hello []byte) {
	if hello == nil {
		hello = hostHello()
	}
	p.send(hello)
	f := p.next("HELLO", func(f frame) bool { return f.Type == protocol.TypeHello })
	if p.err != nil {
		return
	}
	theirs, err := protocol.ParseHello(f.payload)
	if err == nil {
		_, err = theirs.Common()
	}
	if err != nil {
		p.fail("HELLO: %v", err)
	}
	p.hello = theirs
	features, _ := theirs.Pairs.Get("features")
	p.windows = hasWord(features, "window")
	p.next("READY", func(f frame) bool { return f.Type == protocol.TypeReady })
}

func hostHello() []byte {
	return protocol.AppendHello(nil, "max_frame", "65536", "window", "262144", "slot", "0", "generation", "1",
		"features", "window exclusive ping-busy")
}

// next returns the first frame that matches, and keeps the others for later.
func (p *peer) next(what string, match func(frame) bool) frame {
	return p.nextWithin(p.patience, what, match)
}

func (p *peer) nextWithin(limit time.Duration, what string, match func(frame) bool) frame {
	if p.err != nil {
		return frame{}
	}
	for i, f := range p.backlog {
		if match(f) {
			p.backlog = append(p.backlog[:i:i], p.backlog[i+1:]...)
			return f
		}
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case f, open := <-p.frames:
			if !open {
				p.fail("expected %s, but the worker's output ended: %v", what, p.ended)
				return frame{}
			}
			p.note("worker", f.Header, f.payload)
			p.credited(f)
			if match(f) {
				return f
			}
			p.backlog = append(p.backlog, f)
		case <-timer.C:
			p.fail("expected %s, but nothing of the kind came within %v", what, limit)
			return frame{}
		}
	}
}

// credited takes note of a WINDOW.
func (p *peer) credited(f frame) {
	if f.Type != protocol.TypeWindow {
		return
	}
	n, err := protocol.ParseWindow(f.payload)
	if err != nil {
		p.fail("%v", err)
	}
	p.credit[f.Stream] += int(n)
}

// nothingFor fails when a frame that matches comes although none should.
func (p *peer) nothingFor(limit time.Duration, what string, match func(frame) bool) {
	if p.err != nil {
		return
	}
	f := p.nextWithin(limit, what, match)
	if p.err == nil {
		p.fail("%s came, but should not have: %v", what, f.Header)
		return
	}
	if p.isOpen() {
		p.err = nil
	}
}

// isOpen reports whether the worker's output has not ended.
func (p *peer) isOpen() bool {
	select {
	case f, open := <-p.frames:
		if open {
			p.backlog = append(p.backlog, f)
		}
		return open
	default:
		return true
	}
}

// exit waits for the end of the process and returns how it ended. Its stdin stays open unless eof.
func (p *peer) exit(eof bool) process.Exit {
	if p.err != nil {
		return process.Exit{}
	}
	if eof {
		_ = p.proc.Stdin.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.patience)
	defer cancel()
	select {
	case <-p.proc.Ended():
	case <-ctx.Done():
		p.fail("the worker did not end within %v", p.patience)
		return process.Exit{}
	}
	exit := p.bury()
	p.proc = nil
	return exit
}

// bury takes the status of the process, which has ended, and what it wrote last.
func (p *peer) bury() process.Exit {
	exit := p.proc.Reap()
	p.proc.EndReading()
	for f := range p.frames {
		p.note("worker", f.Header, f.payload)
		p.backlog = append(p.backlog, f)
	}
	<-p.quiet
	p.proc.Close()
	return exit
}

// exits fails unless the process ends with this code.
func (p *peer) exits(code int, eof bool) {
	if exit := p.exit(eof); p.err == nil && (exit.Code != code || exit.Signal != 0) {
		p.fail("expected exit code %d, got %v", code, exit)
	}
}
