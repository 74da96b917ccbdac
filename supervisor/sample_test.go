package supervisor

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"testing/fstest"
)

func TestBudgetIsTheSmallestLimitOnTheWayUp(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for name, c := range map[string]struct {
		files        fstest.MapFS
		budget, used int64
	}{
		"no controller": {fstest.MapFS{}, 1000, 0},
		"version 2": {fstest.MapFS{
			"proc/self/cgroup":                 file("0::/a/b\n"),
			"sys/fs/cgroup/cgroup.controllers": file("memory"),
			"sys/fs/cgroup/a/memory.max":       file("max\n"),
			"sys/fs/cgroup/a/b/memory.max":     file("300\n"),
			"sys/fs/cgroup/a/b/memory.current": file("200\n"),
			"sys/fs/cgroup/a/b/memory.stat":    file("anon 1\ninactive_file 50\n"),
		}, 300, 150},
		"version 2 in a namespace": {fstest.MapFS{
			"proc/self/cgroup":                 file("0::/\n"),
			"sys/fs/cgroup/cgroup.controllers": file("memory"),
			"sys/fs/cgroup/memory.max":         file("400\n"),
			"sys/fs/cgroup/memory.current":     file("100\n"),
		}, 400, 100},
		"version 2 without a limit": {fstest.MapFS{
			"proc/self/cgroup":                 file("0::/a\n"),
			"sys/fs/cgroup/cgroup.controllers": file("memory"),
			"sys/fs/cgroup/a/memory.max":       file("max\n"),
		}, 1000, 0},
		"version 2, the limit is the pod's": {fstest.MapFS{
			"proc/self/cgroup":                 file("0::/a/b\n"),
			"sys/fs/cgroup/cgroup.controllers": file("memory"),
			"sys/fs/cgroup/a/memory.max":       file("300\n"),
			"sys/fs/cgroup/a/memory.current":   file("250\n"),
			"sys/fs/cgroup/a/b/memory.max":     file("400\n"),
			"sys/fs/cgroup/a/b/memory.current": file("20\n"),
		}, 300, 250},
		"version 1": {fstest.MapFS{
			"proc/self/cgroup":                                        file("5:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/\n"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes":              file("500\n"),
			"sys/fs/cgroup/memory/memory.usage_in_bytes":              file("90\n"),
			"sys/fs/cgroup/memory/memory.stat":                        file("inactive_file 1\ntotal_inactive_file 40\n"),
			"sys/fs/cgroup/memory/docker/other/memory.limit_in_bytes": file("1\n"),
		}, 500, 50},
		"version 1 without a limit": {fstest.MapFS{
			"proc/self/cgroup":                           file("4:memory:/\n"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes": file("9223372036854771712\n"),
		}, 1000, 0},
	} {
		t.Run(name, func(t *testing.T) {
			group := findCgroup(c.files)
			if got := group.budget(c.files, 1000); got != c.budget {
				t.Errorf("budget is %d, want %d", got, c.budget)
			}
			folder, _ := group.tightest(c.files)
			if got := group.used(c.files, folder); got != c.used {
				t.Errorf("used is %d, want %d", got, c.used)
			}
		})
	}
}

func TestChildrenCountForTheirGroup(t *testing.T) {
	// A shell with a child that takes 40 MiB: what is measured is the group.
	cmd := exec.Command("python3", "-c", `
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "b = b'x' * (40 << 20); print('ready', flush=True); input()"], stdin=sys.stdin)
child.wait()`)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { stdin.Close(); _ = cmd.Wait() }() // it ends with its child
	ready := make([]byte, 5)
	if _, err := out.Read(ready); err != nil || string(ready) != "ready" {
		t.Fatalf("%q %v", ready, err)
	}
	group := cmd.Process.Pid
	for _, pss := range []bool{false, true} {
		took, err := sampleGroups(map[int]bool{group: true}, pss)
		if err != nil {
			t.Fatal(err)
		}
		if m := took[group].memory; m < 40*mib || m > 120*mib {
			t.Errorf("pss %v: the group takes %d MiB", pss, m/mib)
		}
		if took[group].cpu <= 0 {
			t.Errorf("the group has taken %v of the processors", took[group].cpu)
		}
		if len(took) != 1 {
			t.Errorf("measured %v", took)
		}
	}
}

func TestVanishedProcessCountsNothing(t *testing.T) {
	if got := memory(1<<30, false) + memory(1<<30, true); got != 0 {
		t.Errorf("got %d", got)
	}
	if got := memory(int32(os.Getpid()), false); got < mib {
		t.Errorf("this test takes %d bytes", got)
	}
}
