package main

import (
	"strings"
	"testing"
)

// called makes a stack of functions with arrows between them, the outermost first.
func called(functions string) stack { return stack{functions: strings.Split(functions, " > ")} }

const (
	connection = "github.com/valyala/fasthttp.(*workerPool).workerFunc > github.com/valyala/fasthttp.(*Server).serveConnCounted > "
	handled    = connection + "fwatchdog/server.(*Server).handle > "
	done       = handled + "fwatchdog/pool.(*Pool).Do > fwatchdog/worker.(*Framed).Do > "
	reader     = "sync.(*WaitGroup).Go.func1 > fwatchdog/worker.(*Framed).read > fwatchdog/worker.(*Framed).readFrames > "
	socket     = "net.(*conn).X > net.(*netFD).X > internal/poll.(*FD)."
	call       = " > syscall.Syscall > syscall.RawSyscall6 > internal/runtime/syscall/linux.Syscall6"
)

func TestTimeCountsForThePartThatSpendsIt(t *testing.T) {
	for name, c := range map[string]struct {
		functions string
		want      part
	}{
		"client read":                {connection + "bufio.(*Reader).fill > fwatchdog/server.(*conn).Read > " + socket + "Read > syscall.read" + call, clientRead},
		"what reading does in Go":    {connection + "fwatchdog/server.(*conn).Read > " + socket + "Read > internal/poll.(*fdMutex).rwlock", clientRead},
		"into a system call":         {connection + "fwatchdog/server.(*conn).Write > " + socket + "Write > syscall.write > syscall.Syscall > runtime.entersyscall", clientWrite},
		"fasthttp's own write":       {connection + socket + "Write > syscall.write" + call, clientWrite},
		"pipe write":                 {done + "fwatchdog/worker.(*pipe).write > os.(*rawConn).Write > internal/poll.(*FD).RawWrite > fwatchdog/worker.newFramed.newPipe.func1 > golang.org/x/sys/unix.Write > golang.org/x/sys/unix.write" + call, pipeWrite},
		"before the pipe write":      {done + "fwatchdog/worker.(*pipe).write > os.(*rawConn).Write > internal/poll.(*FD).RawWrite", pipeWrite},
		"pipe read":                  {reader + "fwatchdog/protocol.(*Reader).Next > fwatchdog/protocol.(*Reader).fill > os.(*File).Read > internal/poll.(*FD).Read > syscall.read" + call, pipeRead},
		"another call on the pipe":   {done + "fwatchdog/worker.(*pipe).unread > internal/poll.(*FD).RawControl > golang.org/x/sys/unix.IoctlGetInt", inWorker},
		"a folder":                   {"fwatchdog/worker.(*Framed).stacks > os.ReadDir > os.(*File).readdir > internal/poll.(*FD).ReadDirent > syscall.Getdents", inWorker},
		"waiting for the client":     {connection + "fwatchdog/server.(*conn).Read > " + socket + "Read > internal/poll.(*pollDesc).wait > internal/poll.runtime_pollWait > runtime.netpollblock > runtime.gopark", waiting},
		"waiting for the answer":     {done + "fwatchdog/worker.(*stream).await > runtime.selectgo > runtime.sellock", waiting},
		"waking who waits":           {reader + "fwatchdog/worker.(*stream).finish > runtime.selectnbsend > runtime.chansend > runtime.send > runtime.goready", waiting},
		"scheduler":                  {"runtime.mcall > runtime.park_m > runtime.schedule > runtime.findRunnable > runtime.netpoll > internal/runtime/syscall/linux.EpollWait", waiting},
		"a stack that was cut short": {"runtime.nanotime1", waiting},
		"fasthttp":                   {connection + "github.com/valyala/fasthttp.(*RequestHeader).parse > bytes.IndexByte > indexbytebody", inFasthttp},
		"fasthttp for the server":    {handled + "fwatchdog/server.(*Server).answer > github.com/valyala/fasthttp.(*ResponseHeader).SetCanonical", inFasthttp},
		"server":                     {handled + "time.Now > time.runtimeNow", inServer},
		"an exchange of the server":  {handled + "fwatchdog/internal/exchange.(*Exchange).Reset", inServer},
		"an exchange of the worker":  {reader + "fwatchdog/internal/exchange.(*Response).Add", inWorker},
		"pool":                       {handled + "fwatchdog/pool.(*Pool).Do > sync.(*Mutex).Lock", inPool},
		"worker":                     {done + "runtime.mapassign_fast32", inWorker},
		"process":                    {"fwatchdog/internal/process.(*Process).watch > syscall.Kill", inWorker},
		"protocol":                   {done + "fwatchdog/protocol.appendString[go.shape.[]uint8] > runtime.memmove", inProtocol},
		"metrics":                    {handled + "fwatchdog/metrics.(*Metrics).End > github.com/prometheus/client_golang/prometheus.(*histogram).observe > math.Frexp", inMetrics},
		"collector":                  {"runtime.gcBgMarkWorker > runtime.systemstack > runtime.gcDrain > runtime.scanobject", collecting},
		"collecting for a request":   {done + "runtime.mallocgc > runtime.deductAssistCredit > runtime.gcAssistAlloc", collecting},
		"supervision":                {"fwatchdog/supervisor.(*Supervisor).Run > github.com/shirou/gopsutil/v3/process.Pids > os.(*File).Readdirnames > internal/poll.(*FD).ReadDirent", elsewhere},
		"the log":                    {handled + "go.uber.org/zap.(*Logger).Info > os.(*File).Write > internal/poll.(*FD).Write > syscall.write" + call, elsewhere},
		"profiles":                   {"net/http.(*conn).serve > runtime/pprof.profileWriter", elsewhere},
		"code that is unknown":       {"runtime._ExternalCode", elsewhere},
	} {
		t.Run(name, func(t *testing.T) {
			if got := called(c.functions).part(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestFunctionsBelongToSomebody(t *testing.T) {
	for function, want := range map[string]owner{
		"internal/runtime/syscall/linux.Syscall6": kernel,
		"syscall.write":                                                   kernel,
		"golang.org/x/sys/unix.Write":                                     kernel,
		"runtime.futex":                                                   kernel,
		"runtime.futexsleep":                                              goRuntime,
		"runtime.(*timers).check":                                         goRuntime,
		"internal/runtime/maps.(*Map).Get":                                goRuntime,
		"indexbytebody":                                                   goRuntime,
		"github.com/valyala/fasthttp.(*Server).serveConn":                 fasthttp,
		"github.com/valyala/bytebufferpool.(*ByteBuffer).Write":           fasthttp,
		"fwatchdog/server.(*Server).handle":                               ours,
		"fwatchdog/internal/exchange.(*Response).Add":                     ours,
		"fwatchdog/protocol.appendString[go.shape.struct { net/http.X }]": ours,
		"main.newRunning.func3":                                           ours,
		"fwatchdog/metrics.(*Metrics).End":                                metrics,
		"github.com/prometheus/client_golang/prometheus.(*histogramCounts).observe": metrics,
		"net.(*conn).Write":              others,
		"go.uber.org/zap.(*Logger).Info": others,
	} {
		if got := ownerOf(function); got != want {
			t.Errorf("%s is %s's and not %s's", function, owners[got].name, owners[want].name)
		}
	}
}
