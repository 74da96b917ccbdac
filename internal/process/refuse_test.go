package process_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"fwatchdog/internal/process"
)

func TestStartSaysWhyTheSystemRefuses(t *testing.T) {
	limited := shell("true")
	limited.Nofile = 64
	for _, test := range []struct {
		name    string
		call    uint32
		errno   unix.Errno
		command process.Command
		says    string
	}{
		{"too many processes", unix.SYS_CLONE, unix.EAGAIN, shell("true"), "limit of processes"},
		{"no tracing", unix.SYS_PTRACE, unix.EPERM, limited, "traced"},
		{"anything else", unix.SYS_SETPGID, unix.EPERM, shell("true"), `start "sh": operation not permitted`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStarter(t, func() { refuse(t, test.call, test.errno) })
			_, err := s.Start(test.command)
			if !errors.Is(err, test.errno) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want it to say %q", err, test.says)
			}
			if anyZombie() {
				t.Error("a failed start left a zombie")
			}
		})
	}
}

func TestStartSaysWhyItsThreadCouldNotBeSetUp(t *testing.T) {
	for _, test := range []struct {
		name string
		call uint32
		says string
	}{
		{"no-new-privileges", unix.SYS_PRCTL, "no-new-privileges"},
		{"descriptors", unix.SYS_GETDENTS64, "descriptors"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := process.NewStarter(nil)
			over := make(chan error, 1)
			go func() {
				runtime.LockOSThread() // for ever
				refuse(t, test.call, unix.ENOSYS)
				over <- s.Run(context.Background())
			}()
			_, err := s.Start(shell("true"))
			for _, err := range []error{err, <-over} {
				if !errors.Is(err, unix.ENOSYS) || !strings.Contains(err.Error(), test.says) {
					t.Errorf("got %v, want it to say %q", err, test.says)
				}
			}
			if !errors.Is(err, process.ErrStopped) {
				t.Errorf("%v is not %v", err, process.ErrStopped)
			}
		})
	}
}

func TestProcessKilledBeforeItsProgramRunsEndsLikeAnyOther(t *testing.T) {
	s := newStarter(t, func() { filter(t, unix.SYS_EXECVE, unix.SECCOMP_RET_KILL_PROCESS) })
	for _, limit := range []uint64{0, 64} {
		c := shell("true")
		c.Nofile = limit
		if exit := start(t, s, c).Reap(); exit.Signal != unix.SIGSYS {
			t.Errorf("with limit %d: %v", limit, exit)
		}
	}
}

func TestStartWithoutFreeDescriptorsFailsAndLeavesNothing(t *testing.T) {
	s := newStarter(t)
	c := shell("exit 4")
	c.FD3 = true
	warm := start(t, s, c) // opens the poller
	warm.Reap()
	warm.Close()
	before := entries(t, "fd")
	var ours unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &ours); err != nil {
		t.Fatal(err)
	}
	setLimit := func(soft uint64) {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: soft, Max: ours.Max}); err != nil {
			t.Fatal(err)
		}
	}
	defer setLimit(ours.Cur)
	failures := 0
	for limit := uint64(0); ; limit++ {
		setLimit(limit)
		p, err := s.Start(c)
		setLimit(ours.Cur)
		if now := entries(t, "fd"); err != nil && len(now) != len(before) {
			t.Fatalf("%d descriptors before, %d after %v", len(before), len(now), err)
		}
		if err == nil {
			if exit := p.Reap(); exit.Code != 4 {
				t.Errorf("with limit %d: %v", limit, exit)
			}
			p.Close()
			break
		}
		if !errors.Is(err, unix.EMFILE) {
			t.Fatalf("with limit %d: %v", limit, err)
		}
		failures++
	}
	if failures < 8 { // four pipes
		t.Errorf("only %d failures", failures)
	}
}

// refuse makes a system call fail, on this thread and in the processes that it starts.
func refuse(t *testing.T, call uint32, errno unix.Errno) {
	t.Helper()
	filter(t, call, unix.SECCOMP_RET_ERRNO|uint32(errno))
}

// filter makes action the kernel's answer to a system call, on this thread and in the processes that it starts.
func filter(t *testing.T, call, action uint32) {
	t.Helper()
	instructions := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number of the call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: action},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(instructions)), Filter: &instructions[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Error(err)
	}
	_, _, failed := syscall.Syscall(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER,
		uintptr(unsafe.Pointer(&program)))
	if failed != 0 {
		t.Error(failed)
	}
}
