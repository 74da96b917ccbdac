package main

import "strings"

// owner is whom a function belongs to. The flame graph has a colour for each.
type owner int

const (
	kernel owner = iota // system calls, and the steps into them
	goRuntime
	fasthttp
	ours
	metrics
	others
	merged // several functions, too small to be drawn
)

// owners are those of functions, in the order of the legend.
var owners = [...]struct{ name, light, dark string }{
	kernel:    {"kernel, by system calls", "#c3cad3", "#4a5562"},
	goRuntime: {"Go runtime", "#9ecae8", "#235f8a"},
	fasthttp:  {"fasthttp", "#a6d9a0", "#2f6b3a"},
	ours:      {"fwatchdog", "#f9b97a", "#9c5416"},
	metrics:   {"metrics", "#d5b8ea", "#6b4590"},
	others:    {"standard library, others", "#efe2a2", "#6e6127"},
	merged:    {"smaller ones", "#e8ebee", "#2d333b"},
}

// callsOfRuntime are system calls that the runtime makes without package syscall.
var callsOfRuntime = map[string]bool{
	"futex": true, "usleep": true, "osyield": true, "madvise": true, "mmap": true, "munmap": true, "write1": true, "read": true,
	"tgkill": true, "rtsigprocmask": true, "sigaltstack": true, "clone": true, "timer_settime": true, "timer_create": true,
}

func ownerOf(function string) owner {
	pkg, name := cut(function)
	switch {
	case pkg == "syscall", below(pkg, "internal/runtime/syscall"), pkg == "golang.org/x/sys/unix":
		return kernel
	case pkg == "runtime" && callsOfRuntime[name]:
		return kernel
	case pkg == "", pkg == "runtime", below(pkg, "internal/runtime"), pkg == "internal/bytealg":
		return goRuntime
	case below(pkg, "github.com/valyala"):
		return fasthttp
	case below(pkg, "fwatchdog/metrics"), below(pkg, "fwatchdog/internal/report"), below(pkg, "github.com/prometheus"):
		return metrics
	case below(pkg, "fwatchdog"), pkg == "main":
		return ours
	}
	return others
}

// standard reports whether a package is part of Go, or as good as that: its functions do what their caller wants done.
func standard(pkg string) bool {
	first, _, _ := strings.Cut(pkg, "/")
	return below(pkg, "golang.org/x/sys") || pkg != "main" && first != "fwatchdog" && !strings.Contains(first, ".")
}
