package process_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"fwatchdog/internal/process"
	"fwatchdog/internal/reaper"
)

// play names the part that the test binary plays instead of running tests.
const play = "PROCESS_TEST_PLAY"

func TestMain(m *testing.M) {
	switch os.Getenv(play) {
	case "parent":
		playParent()
	case "leaver":
		playLeaver()
	case "mover":
		playMover()
	case "":
		goleak.VerifyTestMain(m)
	}
}

// playParent is a watchdog with one child that would live for ever. It says what the child was started with.
func playParent() {
	s := process.NewStarter(nil)
	go func() { _ = s.Run(context.Background()) }() // Start tells
	p, err := s.Start(process.Command{Argv: []string{"sleep", "1000"}, Env: path})
	if err != nil {
		fmt.Println(err)
		return
	}
	var own, childs unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &own) // a failure shows as 0
	_ = unix.Prlimit(p.Pid(), unix.RLIMIT_NOFILE, nil, &childs)
	fmt.Println(p.Pid(), own.Cur, childs.Cur, statusOf(p.Pid(), "SigIgn"))
	forever()
}

// playLeaver leaves its group, says so, and holds its stdout for ever.
func playLeaver() {
	_, err := unix.Setsid()
	fmt.Println(os.Getpid(), err)
	forever()
}

// playMover moves to the group that it reads.
func playMover() {
	var group int
	_, err := fmt.Scan(&group)
	fmt.Println(unix.Setpgid(0, group), err)
	forever()
}

// forever returns never. (An empty select is a deadlock to the runtime, which ends the program.)
func forever() {
	for {
		_ = unix.Pause() // it ends with every signal that is caught
	}
}

// path is an environment in which programs are found.
var path = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

// shell is a shell that runs script.
func shell(script string) process.Command {
	return process.Command{Argv: []string{"sh", "-c", script}, Env: path}
}

// player is the test binary in another part.
func player(t testing.TB, part string) process.Command {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return process.Command{Argv: []string{self}, Env: append([]string{play + "=" + part}, path...)}
}

// newStarter runs a Starter for the time of the test. Its thread runs the given functions first.
func newStarter(t testing.TB, onItsThread ...func()) *process.Starter {
	t.Helper()
	return runStarter(t, process.NewStarter(nil), onItsThread...)
}

func runStarter(t testing.TB, s *process.Starter, onItsThread ...func()) *process.Starter {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() {
		for _, f := range onItsThread {
			runtime.LockOSThread() // Run does so, too
			f()
		}
		over <- s.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-over; err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
	return s
}

func runReaper(t testing.TB, pids *reaper.Pids) *reaper.Reaper {
	t.Helper()
	r := reaper.New(pids)
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-over; err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
	return r
}

// start starts a process that is gone at the end of the test.
func start(t testing.TB, s *process.Starter, c process.Command) *process.Process {
	t.Helper()
	p, err := s.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		p.Reap()
		p.Close()
	})
	return p
}

// outputOf runs c to its end and returns what it wrote on stdout.
func outputOf(t testing.TB, s *process.Starter, c process.Command) string {
	t.Helper()
	p := start(t, s, c)
	output := readAll(t, p.Stdout)
	if exit := p.Reap(); exit.Status() != 0 {
		t.Fatalf("%q: %v, stderr %q", c.Argv, exit, readAll(t, p.Stderr))
	}
	return output
}

func readAll(t testing.TB, r io.Reader) string {
	t.Helper()
	all, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

// echo fails the test unless p, a cat, answers.
func echo(t testing.TB, p *process.Process) {
	t.Helper()
	if _, err := io.WriteString(p.Stdin, "alive\n"); err != nil {
		t.Fatal(err)
	}
	var answer string
	if _, err := fmt.Fscanln(p.Stdout, &answer); err != nil || answer != "alive" {
		t.Fatalf("got %q, %v from cat", answer, err)
	}
}

// statusOf returns a field of /proc/pid/status, which may be a thread's too; "" when it is not there.
func statusOf(pid int, field string) string {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(status), "\n"+field+":\t")
	value, _, _ := strings.Cut(rest, "\n")
	return value
}

// alive reports whether pid is a process that has not ended.
func alive(pid int) bool {
	state := statusOf(pid, "State")
	return state != "" && !strings.HasPrefix(state, "Z")
}

// entries returns the names in a folder of /proc/self.
func entries(t testing.TB, folder string) []string {
	t.Helper()
	dir, err := os.Open("/proc/self/" + folder)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// anyZombie reports whether a child of ours has ended and is not reaped.
func anyZombie() bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == nil && info.Signo != 0
}

// eventually fails the test unless holds becomes true within ten seconds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	deadline := time.After(10 * time.Second)
	for !holds() {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatalf("after ten seconds still not: %s", what)
		}
	}
}
