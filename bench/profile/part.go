package main

import (
	"strings"
	"time"
)

// part is what time is spent on.
type part string

const (
	clientRead  part = "reading from the client's socket"
	clientWrite part = "writing to the client's socket"
	pipeWrite   part = "writing to the worker's pipe"
	pipeRead    part = "reading from the worker's pipe"
	waiting     part = "waiting and scheduling in the Go runtime"
	collecting  part = "garbage collection"
	inFasthttp  part = "fasthttp"
	inServer    part = "server"
	inPool      part = "pool"
	inWorker    part = "worker"
	inProtocol  part = "protocol"
	inMetrics   part = "metrics"
	elsewhere   part = "other"
)

// parts are all, in the order of the table.
var parts = []part{clientRead, clientWrite, pipeWrite, pipeRead, waiting, inFasthttp, inServer, inPool, inWorker, inProtocol,
	inMetrics, collecting, elsewhere}

// folders are the packages whose time is a part of its own.
var folders = []struct {
	folder string
	part   part
}{
	{"github.com/valyala", inFasthttp},
	{"fwatchdog/server", inServer},
	{"fwatchdog/pool", inPool},
	{"fwatchdog/worker", inWorker},
	{"fwatchdog/internal/process", inWorker},
	{"fwatchdog/protocol", inProtocol},
	{"fwatchdog/metrics", inMetrics},
	{"fwatchdog/internal/report", inMetrics},
	{"github.com/prometheus", inMetrics},
}

// part is what a stack's time counts for: what Go's own packages do counts for the innermost caller that is not one of
// them, unless it is I/O, waiting or collecting.
func (s stack) part() part {
	for _, function := range s.functions {
		if collects(function) {
			return collecting
		}
	}
	at, caller := s.caller()
	within := s.functions[at+1:]
	if caller == waiting || waits(within) {
		return waiting
	}
	read, written := transfers(within)
	switch {
	case read && (caller == inServer || caller == inFasthttp):
		return clientRead
	case written && (caller == inServer || caller == inFasthttp):
		return clientWrite
	case read && (caller == inWorker || caller == inProtocol):
		return pipeRead
	case written && (caller == inWorker || caller == inProtocol):
		return pipeWrite
	}
	return caller
}

// caller finds the innermost function that is not of Go's own packages. A stack without one is the scheduler's when the
// runtime started it. An exchange is passed over: it is what the packages hand one another.
func (s stack) caller() (at int, of part) {
	for at := len(s.functions) - 1; at >= 0; at-- {
		pkg, _ := cut(s.functions[at])
		if standard(pkg) || below(pkg, "fwatchdog/internal/exchange") {
			continue
		}
		for _, f := range folders {
			if below(pkg, f.folder) {
				return at, f.part
			}
		}
		return at, elsewhere
	}
	if len(s.functions) > 0 && ownerOf(s.functions[0]) == goRuntime && s.functions[0] != "runtime._ExternalCode" {
		return -1, waiting
	}
	return -1, elsewhere
}

// collects reports whether a function is the garbage collector's.
func collects(function string) bool {
	return startsWith(function, "runtime.gc", "runtime.GC", "runtime._GC", "runtime.bgsweep", "runtime.bgscavenge", "runtime.sweepone",
		"runtime.deductSweepCredit", "runtime.(*sweepLocked)", "runtime.wbBuf")
}

// waits reports whether one of the functions lets a goroutine wait, wakes one, or looks for the next.
func waits(functions []string) bool {
	for _, function := range functions {
		if startsWith(function, "runtime.gopark", "runtime.goready", "runtime.ready", "runtime.wakep", "runtime.selectgo", "runtime.selectnb",
			"runtime.chansend", "runtime.chanrecv", "runtime.closechan", "runtime.sem", "runtime.notify", "runtime.netpoll", "runtime.schedule",
			"runtime.findRunnable", "runtime.mcall", "runtime.park_m", "runtime.Gosched", "runtime.gosched", "runtime.newproc", "runtime.(*timer",
			"internal/poll.runtime_poll", "sync.runtime_", "internal/sync.runtime_") {
			return true
		}
	}
	return false
}

// transfers reports whether one of the functions reads or writes a file or a socket.
func transfers(functions []string) (read, written bool) {
	for _, function := range functions {
		pkg, name := cut(function)
		if pkg == "internal/poll" {
			_, name, _ = strings.Cut(name, "(*FD).")
		} else if pkg != "syscall" && pkg != "golang.org/x/sys/unix" {
			continue
		}
		name = strings.TrimPrefix(strings.ToLower(name), "raw")
		switch {
		case name == "readdirent", name == "readlink":
		case startsWith(name, "read", "pread", "recv"):
			read = true
		case startsWith(name, "write", "pwrite", "send"):
			written = true
		}
	}
	return read, written
}

func startsWith(text string, prefixes ...string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}

// byPart sums stacks up.
func byPart(stacks []stack) map[part]time.Duration {
	sum := map[part]time.Duration{}
	for _, s := range stacks {
		sum[s.part()] += s.time
	}
	return sum
}

// total is the time of all stacks.
func total(stacks []stack) (sum time.Duration) {
	for _, s := range stacks {
		sum += s.time
	}
	return sum
}
