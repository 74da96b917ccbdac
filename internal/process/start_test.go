package process_test

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fwatchdog/internal/process"
)

func TestProcessSpeaksThroughItsPipes(t *testing.T) {
	s := newStarter(t)
	c := shell("read line; echo out $line; echo err $line >&2; echo three $line >&3")
	c.FD3 = true
	p := start(t, s, c)
	if _, err := p.Stdin.WriteString("hello\n"); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, p.Stdout); got != "out hello\n" {
		t.Errorf("stdout: %q", got)
	}
	if got := readAll(t, p.Stderr); got != "err hello\n" {
		t.Errorf("stderr: %q", got)
	}
	if got := readAll(t, p.FD3); got != "three hello\n" {
		t.Errorf("descriptor 3: %q", got)
	}
}

func TestCombinedOutputKeepsItsOrder(t *testing.T) {
	c := shell("echo 1; echo 2 >&2; echo 3; echo 4 >&2")
	c.CombineOutput = true
	p := start(t, newStarter(t), c)
	if got := readAll(t, p.Stdout); got != "1\n2\n3\n4\n" {
		t.Errorf("got %q", got)
	}
	if p.Stderr != nil {
		t.Error("there is a pipe for stderr")
	}
}

func TestEnvironmentAndDirectoryAreThoseOfTheCommand(t *testing.T) {
	t.Setenv("PROCESS_TEST_OURS", "1")
	c := process.Command{
		Argv: []string{"/usr/bin/env"},
		Env:  []string{"A=1", "B=two words"},
	}
	s := newStarter(t)
	if got := outputOf(t, s, c); got != "A=1\nB=two words\n" {
		t.Errorf("environment: %q", got)
	}
	dir := t.TempDir()
	c = shell("pwd")
	c.Dir = dir
	if got := outputOf(t, s, c); got != dir+"\n" {
		t.Errorf("directory: %q, want %q", got, dir)
	}
}

func TestProgramIsFoundByItsOwnPath(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "first/prog", 0o600, "#!/bin/sh\necho not executable")
	write(t, dir, "second/prog/file", 0o600, "a folder of the name")
	write(t, dir, "third/prog", 0o700, "#!/bin/sh\necho third")
	write(t, dir, "fourth/prog", 0o700, "#!/bin/sh\necho fourth")
	in := func(names ...string) []string {
		for i, name := range names {
			names[i] = filepath.Join(dir, name)
		}
		return []string{"OTHER=1", "PATH=" + strings.Join(names, ":"), "PATH=/bin"}
	}
	s := newStarter(t)
	for _, test := range []struct {
		name, program, dir string
		env                []string
		want               string
	}{
		{name: "first executable wins", program: "prog", env: in("none", "first", "second", "third", "fourth"), want: "third\n"},
		{name: "other order", program: "prog", env: in("fourth", "third"), want: "fourth\n"},
		{name: "slash needs no PATH", program: dir + "/third/prog", want: "third\n"},
		{name: "relative to the directory", program: "./third/prog", dir: dir, want: "third\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := outputOf(t, s, process.Command{Argv: []string{test.program}, Env: test.env, Dir: test.dir})
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// withoutLoader is a program whose loader is not there.
func withoutLoader(t *testing.T) string {
	text, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	file, err := elf.NewFile(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range file.Progs {
		if part.Type == elf.PT_INTERP {
			text[part.Off+1] = '-'
			return string(text)
		}
	}
	t.Fatal("/bin/sh has no loader")
	return ""
}

func TestFailureToStartSaysProgramAndCause(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "plain", 0o600, "#!/bin/sh\n")
	write(t, dir, "nonsense", 0o700, "no program")
	write(t, dir, "lost", 0o700, "#!/no/such/interpreter -x\n")
	write(t, dir, "windows", 0o700, "#!/bin/sh\r\nexit\r\n")
	write(t, dir, "loaderless", 0o700, withoutLoader(t))
	s := newStarter(t)
	outputOf(t, s, shell("true")) // its thread is set up, and reads no files any more
	descriptors := len(entries(t, "fd"))
	for _, test := range []struct {
		name    string
		command process.Command
		is      error
		says    string
	}{
		{name: "no program", says: "no program"},
		{name: "nowhere in PATH", command: process.Command{Argv: []string{"nope"}, Env: []string{"PATH=/usr/bin:/bin"}},
			is: process.ErrNotFound, says: `start "nope": program not found in its PATH "/usr/bin:/bin"`},
		{name: "no PATH", command: process.Command{Argv: []string{"sh"}}, is: process.ErrNotFound, says: `PATH ""`},
		{name: "relative PATH", command: process.Command{Argv: []string{"sh"}, Env: []string{"PATH=bin:."}, Dir: "/"},
			is: process.ErrNotFound, says: "bin:."},
		{name: "no such file", command: process.Command{Argv: []string{"/no/such"}}, is: process.ErrNotFound, says: "/no/such"},
		{name: "file as a folder", command: process.Command{Argv: []string{dir + "/plain/prog"}}, is: process.ErrNotFound,
			says: "not a directory"},
		{name: "not executable in PATH", command: process.Command{Argv: []string{"plain"}, Env: []string{"PATH=" + dir}},
			is: process.ErrNotExecutable, says: dir + "/plain has no execute permission"},
		{name: "not executable", command: process.Command{Argv: []string{dir + "/plain"}}, is: process.ErrNotExecutable,
			says: "permission denied"},
		{name: "folder", command: process.Command{Argv: []string{dir}}, is: process.ErrNotExecutable, says: dir + " is a folder"},
		{name: "nonsense", command: process.Command{Argv: []string{dir + "/nonsense"}}, is: process.ErrNotExecutable,
			says: "no #! line"},
		{name: "lost interpreter", command: process.Command{Argv: []string{"./lost"}, Dir: dir},
			is: process.ErrNotExecutable, says: `./lost is there, but the interpreter of its first line is not: "/no/such/interpreter -x": no such file`},
		{name: "lines of Windows", command: process.Command{Argv: []string{dir + "/windows"}}, is: process.ErrNotExecutable,
			says: `"/bin/sh\r"; its lines end with \r\n, as on Windows`},
		{name: "lost loader", command: process.Command{Argv: []string{dir + "/loaderless"}}, is: process.ErrNotExecutable,
			says: "the loader that it names is not"},
		{name: "no directory", command: process.Command{Argv: []string{"sh"}, Env: path, Dir: dir + "/none"},
			is: os.ErrNotExist, says: "working directory " + dir + "/none"},
		{name: "file as directory", command: process.Command{Argv: []string{"sh"}, Env: path, Dir: dir + "/plain"},
			is: syscall.ENOTDIR, says: "working directory"},
		{name: "zero byte", command: process.Command{Argv: []string{"sh", "\x00"}, Env: path}, is: syscall.EINVAL,
			says: "invalid argument"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := s.Start(test.command)
			if err == nil {
				p.Reap()
				t.Fatal("it started")
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%v is not %v", err, test.is)
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("%q does not say %q", err, test.says)
			}
			if errors.Is(err, process.ErrNotFound) && errors.Is(err, process.ErrNotExecutable) {
				t.Errorf("%v is both", err)
			}
		})
	}
	if now := len(entries(t, "fd")); now != descriptors {
		t.Errorf("%d descriptors before, %d now", descriptors, now)
	}
	if anyZombie() {
		t.Error("a failed start left a zombie")
	}
}

func TestCloseAndDeadlineWakeReaders(t *testing.T) {
	p := start(t, newStarter(t), shell("read line"))
	if err := p.Stdout.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Stdout.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read with a deadline: %v", err)
	}
	woken := make(chan error, 1)
	go func() {
		_, err := p.Stderr.Read(make([]byte, 1))
		woken <- err
	}()
	p.Close()
	p.Close() // once more does nothing
	if err := <-woken; !errors.Is(err, os.ErrClosed) {
		t.Errorf("read of a closed pipe: %v", err)
	}
}

func TestProcessOutlivesAllThreadsButTheStarters(t *testing.T) {
	s := newStarter(t)
	var living []*process.Process
	for range 5 {
		living = append(living, start(t, s, cat))
	}
	endThreads(t, 64)
	for _, p := range living {
		echo(t, p)
	}
}

// endThreads ends n threads at once, idle ones first: every thread that no goroutine has locked.
func endThreads(t *testing.T, n int) {
	t.Helper()
	threads := make(chan int, n)
	end := make(chan struct{})
	for range n {
		go func() {
			runtime.LockOSThread() // for ever, so the thread ends with this goroutine
			threads <- unix.Gettid()
			<-end
		}()
	}
	var ids []int
	for range n {
		ids = append(ids, <-threads)
	}
	close(end)
	eventually(t, "the threads have ended", func() bool {
		for _, id := range ids {
			_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", id))
			if err == nil && id != os.Getpid() { // the main thread stays
				return false
			}
		}
		return true
	})
}

func TestRunEndsWithItsLastProcessAndStartsNoOther(t *testing.T) {
	s := process.NewStarter(nil)
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- s.Run(ctx) }()
	p := start(t, s, cat)
	cancel()
	eventually(t, "nothing is started any more", func() bool {
		other, err := s.Start(shell("true"))
		if err == nil { // the order of two events in a select is not ours to say
			other.Reap()
			other.Close()
		}
		return errors.Is(err, process.ErrStopped)
	})
	echo(t, p)
	select {
	case err := <-over:
		t.Fatalf("Run returned %v before its process was reaped", err)
	default:
	}
	p.Kill()
	p.Reap()
	if err := <-over; err != nil {
		t.Errorf("Run returned %v", err)
	}
}

// write writes a file of a program, and the folders above it.
func write(t *testing.T, dir, name string, mode os.FileMode, text string) {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
