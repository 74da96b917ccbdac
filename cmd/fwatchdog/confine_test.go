package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestWorkerGetsOnlyWhatTheSettingsGiveIt asks for another user where that is allowed, and for ourselves where it is not.
func TestWorkerGetsOnlyWhatTheSettingsGiveIt(t *testing.T) {
	if err := os.Chmod(filepath.Dir(function), 0o755); err != nil { // so that another user may run it
		t.Fatal(err)
	}
	user := "65534:65533"
	if os.Geteuid() != 0 {
		user = fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid())
	}
	tell := "echo user=$(id -u):$(id -g) nofile=$(ulimit -n):$(ulimit -Hn) a=$LET_A b=$LET_B c=$KEEP_OUT slot=$FWATCHDOG_SLOT " +
		"$(grep NoNewPrivs /proc/self/status) >&2; exec " + function
	i := launch(t, "fprocess=sh -c '"+tell+"'", "pool_size=1", "worker_user="+user, "worker_env=LET_*", "worker_nofile=64",
		"LET_A=1", "LET_B=2", "KEEP_OUT=3")
	i.get("/echo").is(t, 200, "")
	line := i.await("function wrote", nil)["line"].(string)
	want := "user=" + user + " nofile=64:64 a=1 b=2 c= slot=0 NoNewPrivs: 1"
	if got := strings.ReplaceAll(line, "\t", " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestWorkerHoldsNoDescriptorOfOurs(t *testing.T) {
	i := launch(t, fmt.Sprintf("metrics_port=%d", freePort(t)), "pool_size=3", "worker_output=fd3")
	i.pid(2)
	i.pid(3)
	if err := syscall.Kill(i.pid(1), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	folder := fmt.Sprintf("/proc/%d/fd", i.pid(4)) // of one that began when all else was open
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	pipes := map[string]bool{} // the function may hold one of its pipes twice
	for _, entry := range entries {
		kind, err := os.Readlink(filepath.Join(folder, entry.Name()))
		switch {
		case err != nil:
			t.Error(err)
		case strings.HasPrefix(kind, "pipe:"):
			pipes[kind] = true
		case strings.HasPrefix(kind, "socket:"):
			t.Errorf("descriptor %s is %s", entry.Name(), kind)
		}
	}
	if len(pipes) != 4 {
		t.Errorf("it holds %d pipes, not stdin, stdout, stderr and fd 3: %v", len(pipes), pipes)
	}
}
