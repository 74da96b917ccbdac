package worker

import (
	"errors"
	"syscall"

	"fwatchdog/internal/process"
	"fwatchdog/protocol"
)

// What to do about a worker that did not start, in words for somebody who has never seen the protocol.
const (
	hintModes = "runs unchanged with mode=classic, mode=streaming or mode=warm; in mode=pool a worker speaks frames: " +
		"write it with one of the SDKs (Node, Java, Python, Go)."
	hintPlain = "It looks like a plain stdin/stdout program. It " + hintModes
	hintHTTP  = "If it is an HTTP server, set mode=http and upstream_url=http://127.0.0.1:PORT, with the port where it listens. " +
		"If it is a plain stdin/stdout program, it " + hintModes
	hintRight   = "is it the right program, with the right arguments, in the right folder?"
	hintCommand = "Check fprocess: " + hintRight
	hintSaid    = "What it wrote should tell why. Otherwise check fprocess: " + hintRight
	hintMissing = "Check fprocess: its first word is the program. Is it spelt right, and is it in the image?"
	hintNoRun   = "If it is a script: does its first line name an interpreter that is in the image, and may it be executed " +
		"(chmod +x)? Or name the interpreter first, as in fprocess=\"node index.js\"."
	hintLate   = hintHTTP + " If it is a worker that is slow to start, raise hello_timeout."
	hintSilent = "It neither wrote nor ended, so it may wait for connections, or for input. " + hintLate
	hintOther  = "It wrote, but nothing of HELLO, so it may be no worker. " + hintLate
	hintText   = "It writes text where frames should be. " + hintHTTP +
		" If it is a worker, let it log to stderr, or set worker_output=fd3."
	hintSlow    = "Loading the function takes long: raise start_timeout, or let it do less before it serves."
	hintInit    = "Mend the function: the error above is its own."
	hintLeft    = "A worker stays and serves requests until its stdin ends. " + hintPlain
	hintKilled  = "The kernel kills with signal 9 when memory ends: give the container more of it, or set a smaller pool_size."
	hintClosed  = "A worker keeps the pipe of its frames open for as long as it lives. " + hintPlain
	hintVersion = "SDK and fwatchdog are too far apart in version: bring them to the same release."
	hintBroken  = "It began with frames, so it is a worker whose SDK is broken, or whose user code writes to file descriptor 1 " +
		"past it: set worker_output=fd3."
)

// programHint says what to do about a program that could not be started with err.
func programHint(err error) string {
	switch {
	case errors.Is(err, process.ErrNotFound):
		return hintMissing
	case errors.Is(err, process.ErrNotExecutable):
		return hintNoRun
	}
	return ""
}

// what says what happened. That a frame was at fault is worth telling only to somebody who has written one.
func what(err error) string {
	var v *protocol.Violation
	switch {
	case !errors.As(err, &v):
		return err.Error()
	case isPlain(v) && errors.Is(v.Err, protocol.ErrMagic):
		return "it wrote bytes that are neither text nor a frame"
	case isPlain(v), isVersion(v):
		return v.Err.Error()
	}
	return v.Error()
}

// isPlain reports whether a violation looks like the work of a program that knows nothing of frames.
func isPlain(v *protocol.Violation) bool {
	return errors.Is(v.Err, errEcho) || errors.Is(v.Err, protocol.ErrMagic) && v.Last.Type == 0
}

func isVersion(v *protocol.Violation) bool { return errors.As(v.Err, new(*versionError)) }

// hint says what to do about a handshake that failed with err, of a worker that wrote this. said.mu is held.
func hint(err error, said *transcript) string {
	var end *endedError
	var v *protocol.Violation
	switch {
	case errors.As(err, &end):
		return endHint(end.exit, said.spoke())
	case errors.As(err, &v):
		return violationHint(v)
	case errors.Is(err, errHelloLate) && !said.spoke():
		return hintSilent
	case errors.Is(err, errHelloLate) && said.stray == 0:
		return hintOther
	case errors.Is(err, errHelloLate), errors.Is(err, errBanner):
		return hintText
	case errors.Is(err, errReadyLate):
		return hintSlow
	case errors.As(err, new(*initError)):
		return hintInit
	case errors.Is(err, errClosed):
		return hintClosed
	}
	return ""
}

// endHint says what to do about a process that ended so, and wrote something or nothing.
func endHint(exit process.Exit, spoke bool) string {
	switch {
	case exit.Status() == 0:
		return hintLeft
	case exit.Signal == syscall.SIGKILL:
		return hintKilled
	case spoke:
		return hintSaid
	}
	return hintCommand
}

func violationHint(v *protocol.Violation) string {
	switch {
	case isVersion(v):
		return hintVersion
	case isPlain(v):
		return hintPlain
	}
	return hintBroken
}
