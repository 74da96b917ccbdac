package workertest

import (
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
)

// Spawn starts a process as a worker, as fwatchdog would, and says nothing to it: what it must be greeted with is Greet. Its
// frames come on descriptor 3 when command.Env holds FWATCHDOG_OUT_FD=3, else on its standard output. It is killed when the
// test ends before it does.
func Spawn(tb testing.TB, command *exec.Cmd) *Host {
	tb.Helper()
	in, toWorker := pipe(tb)
	fromWorker, out := pipe(tb)
	command.Env = append(command.Environ(), "FWATCHDOG_WORKER=1")
	command.Stdin = in
	if slices.Contains(command.Env, "FWATCHDOG_OUT_FD=3") {
		command.ExtraFiles = []*os.File{out}
	} else {
		command.Stdout = out
	}
	if err := command.Start(); err != nil {
		tb.Fatal(err)
	}
	_, _ = in.Close(), out.Close() // the process has its own
	h := newHost(tb, toWorker)
	var ended sync.WaitGroup
	ended.Go(func() {
		_ = command.Wait() // the exit code says it
		h.code <- command.ProcessState.ExitCode()
	})
	ended.Go(func() { h.read(fromWorker) })
	tb.Cleanup(func() {
		_ = command.Process.Kill() // it may have ended
		ended.Wait()
		_, _ = toWorker.Close(), fromWorker.Close() // nothing is left in them
	})
	return h
}

func pipe(tb testing.TB) (r, w *os.File) {
	tb.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		tb.Fatal(err)
	}
	return r, w
}
