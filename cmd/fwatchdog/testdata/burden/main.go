// Command burden is a function that gives a watchdog trouble on command: it leaks, hogs, makes orphans, closes its pipes and
// talks nonsense on them. It needs nothing but itself, so that it runs in a container that holds nothing else.
//
// BOOT_MS and EXIT_MS in the environment are how long its start and its end take; BOOT_SPREAD_MS is the most that a start
// takes longer by chance, DIE_MS how long it lives after its start, BALLAST_MIB
// what it takes from its start on, and JOURNAL a file to which it appends the body of every request to /work.
package main

import (
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	fwatchdog "fwatchdog/sdk/go"
)

func main() {
	if len(os.Args) > 1 {
		roles[os.Args[1]]()
		return
	}
	code := fwatchdog.Serve(handle, fwatchdog.Init(boot))
	time.Sleep(setting("EXIT_MS"))
	os.Exit(code)
}

func boot() error {
	time.Sleep(setting("BOOT_MS") + rand.N(setting("BOOT_SPREAD_MS")+1))
	ballast, _ := strconv.Atoi(os.Getenv("BALLAST_MIB")) // not set is none
	hog(ballast)
	if life := setting("DIE_MS"); life > 0 {
		time.AfterFunc(life, func() { os.Exit(1) })
	}
	return nil
}

// setting is a variable of the environment in milliseconds.
func setting(name string) time.Duration {
	n, _ := strconv.Atoi(os.Getenv(name)) // not set is 0
	return time.Duration(n) * time.Millisecond
}

// roles are what the program is when it starts itself.
var roles = map[string]func(){
	"parent":  func() { _ = start("orphan") }, // and ends: its child is an orphan
	"orphan":  func() { time.Sleep(rand.N(50 * time.Millisecond)) },
	"between": func() { _ = start("hog", os.Args[2]).Wait() }, // how it ends is nobody's business
	"hog":     func() { hog(argument()); time.Sleep(time.Minute) },
}

func argument() int {
	n, _ := strconv.Atoi(os.Args[2]) // we have written it ourselves
	return n
}

func start(args ...string) *exec.Cmd {
	command := exec.Command("/proc/self/exe", args...)
	_ = command.Start() // the test sees what is not there
	return command
}

var routes = map[string]fwatchdog.Handler{
	"/work":    work,
	"/leak":    leak,
	"/hog":     func(_ *fwatchdog.ResponseWriter, r *fwatchdog.Request) error { hog(number(r, "mib")); select {} },
	"/hogging": hogging,
	"/orphans": orphans,
	"/exit":    func(_ *fwatchdog.ResponseWriter, r *fwatchdog.Request) error { os.Exit(number(r, "code")); return nil },
	"/close":   closePipes,
	"/garbage": garbage,
}

func handle(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	if route, ok := routes[r.Path]; ok {
		return route(w, r)
	}
	w.WriteHeader(404)
	return nil
}

// number returns a number of the query, 0 when it is not there.
func number(r *fwatchdog.Request, name string) int {
	n, _ := strconv.Atoi(r.Query().Get(name)) // the tests send numbers only
	return n
}

// work notes the body in the journal, takes its time and answers with the same body.
func work(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	body, err := r.Bytes()
	if err != nil {
		return err
	}
	if err := note(body); err != nil {
		return err
	}
	time.Sleep(time.Duration(number(r, "ms")) * time.Millisecond)
	_, err = w.Write(body)
	return err
}

// note appends the first line of a body to the journal.
func note(body []byte) error {
	name := os.Getenv("JOURNAL")
	if name == "" {
		return nil
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	line, _, _ := strings.Cut(string(body), "\n")
	_, err = file.WriteString("\n" + line + ";\n") // a line before it may have no end: its writer may have been killed
	return err
}

var kept [][]byte

// leak keeps some memory for ever.
func leak(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	kept = append(kept, touched(number(r, "kib")<<10))
	time.Sleep(time.Duration(number(r, "ms")) * time.Millisecond)
	_, err := io.WriteString(w, "leaked")
	return err
}

func hog(mib int) {
	for range mib {
		kept = append(kept, touched(1<<20))
	}
}

// touched is memory that the kernel had to give.
func touched(n int) []byte {
	b := make([]byte, n)
	for i := 0; i < n; i += 4096 {
		b[i] = 1
	}
	return b
}

// hogging lets a grandchild take memory.
func hogging(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	start("between", strconv.Itoa(number(r, "mib")))
	_, err := io.WriteString(w, "a grandchild takes it")
	return err
}

// orphans makes so many processes whose parent dies.
func orphans(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	for range number(r, "n") {
		if err := start("parent").Wait(); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "made")
	return err
}

// closePipes closes the end of the protocol's pipe at which it reads, or writes.
func closePipes(_ *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	for _, fd := range pipes(number(r, "end")) {
		_ = syscall.Close(fd) // another request may have closed it
	}
	select {}
}

// garbage writes on the protocol's pipe what is no frame.
func garbage(_ *fwatchdog.ResponseWriter, _ *fwatchdog.Request) error {
	for _, fd := range pipes(syscall.O_WRONLY) {
		_, _ = syscall.Write(fd, []byte("\xfb\xf7\xff\xff this is no frame")) // another request may have closed it
	}
	select {}
}

// pipes lists our descriptors of pipes that were opened in such a way, but for stderr and what stands in for stdout.
func pipes(mode int) []int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err)
	}
	var found []int
	for _, entry := range entries {
		fd, _ := strconv.Atoi(entry.Name()) // the kernel's own number
		kind, _ := os.Readlink(filepath.Join("/proc/self/fd", entry.Name()))
		flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFL, 0)
		if fd > 2 && strings.HasPrefix(kind, "pipe:") && errno == 0 && int(flags)&syscall.O_ACCMODE == mode {
			found = append(found, fd)
		}
	}
	return found
}
