package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// container starts fwatchdog with runc, as the entrypoint of a container that holds nothing but two static programs and may
// take so many bytes.
func container(t *testing.T, limit int64, settings ...string) (i *instance, init int) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("ONLY ROOT MAY START A CONTAINER WITH A MEMORY LIMIT: that a leak lives under it was NOT shown here")
	}
	bundle, state := t.TempDir(), t.TempDir()
	bin := filepath.Join(bundle, "rootfs", "bin")
	for _, folder := range []string{"bin", "proc", "sys", "dev", "tmp"} {
		if err := os.MkdirAll(filepath.Join(bundle, "rootfs", folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for to, from := range map[string]string{"fwatchdog": binary, "burden": burden} {
		if out, err := exec.Command("cp", from, filepath.Join(bin, to)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	settings = append(settings, "PATH=/bin", "fprocess=/bin/burden")
	config, err := json.Marshal(bundleConfig(limit, withDefaults("/tmp", settings)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bundle, "config.json"), config, 0o644); err != nil {
		t.Fatal(err)
	}
	id := fmt.Sprintf("fwatchdog-test-%d", os.Getpid())
	i = begin(t, exec.Command("runc", "--root", state, "run", "--bundle", bundle, id), bundle)
	t.Cleanup(func() { _ = exec.Command("runc", "--root", state, "delete", "--force", id).Run() }) // it may have ended
	i.await("listening", nil)
	text, err := exec.Command("runc", "--root", state, "state", id).Output()
	if err != nil {
		t.Fatalf("runc state: %v", err)
	}
	var about struct{ Pid int }
	if err := json.Unmarshal(text, &about); err != nil {
		t.Fatal(err)
	}
	return i, about.Pid
}

type object = map[string]any

// bundleConfig is what runc is to do: namespaces of its own but for the network, through which the test talks to it, few
// capabilities, and a limit of memory.
func bundleConfig(limit int64, environ []string) object {
	mount := func(kind, to string, options ...string) object {
		return object{"destination": to, "type": kind, "source": kind, "options": options}
	}
	capabilities := []string{"CAP_KILL", "CAP_SETUID", "CAP_SETGID", "CAP_CHOWN"}
	return object{
		"ociVersion": "1.0.2",
		"process": object{
			"args": []string{"/bin/fwatchdog"}, "env": environ, "cwd": "/", "user": object{"uid": 0, "gid": 0},
			"capabilities": object{"bounding": capabilities, "effective": capabilities, "permitted": capabilities},
		},
		"root": object{"path": "rootfs"},
		"mounts": []object{
			mount("proc", "/proc"), mount("tmpfs", "/dev"), mount("tmpfs", "/tmp"),
			mount("sysfs", "/sys", "ro"), mount("cgroup", "/sys/fs/cgroup", "ro"),
		},
		"linux": object{
			"cgroupsPath": fmt.Sprintf("/fwatchdog-test-%d", os.Getpid()),
			"namespaces":  []object{{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}},
			"resources":   object{"memory": object{"limit": limit}},
		},
	}
}

// memoryFile is a file of the memory controller for the container of pid: its name differs between the versions.
func memoryFile(t *testing.T, pid int, v1, v2 string) string {
	t.Helper()
	groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	file := ""
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case parts[1] == "memory":
			file = "/sys/fs/cgroup/memory" + parts[2] + "/" + v1
		case parts[0] == "0" && file == "":
			file = "/sys/fs/cgroup" + parts[2] + "/" + v2
		}
	}
	return file
}

// oomKills is how often the kernel has killed for want of memory in the container of pid.
func oomKills(t *testing.T, pid int) int {
	t.Helper()
	file := memoryFile(t, pid, "memory.oom_control", "memory.events")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var kills int
		if n, _ := fmt.Sscanf(line, "oom_kill %d", &kills); n == 1 {
			return kills
		}
	}
	t.Fatalf("%s tells of no oom_kill", file)
	return 0
}

func TestLeakLivesUnderTheContainersLimit(t *testing.T) {
	const limit, recycles = 160 << 20, 10
	i, init := container(t, limit, "pool_size=2", "worker_min_age=0s", "memory_interval=200ms", "GOGC=20")
	said := i.await("memory limits of a worker", nil)
	own := said["own_bytes"].(float64)
	share := (limit*0.9 - own) / 3 // two workers and a successor
	for field, want := range map[string]float64{"budget_bytes": limit, "share_bytes": share, "hard_bytes": share, "soft_bytes": 0.8 * share} {
		if got := said[field].(float64); got < want-200 || got > want+200 { // whole percents
			t.Errorf("%s is %v, want %v", field, got, want)
		}
	}
	answered, stop := load(t, i, 4, "/leak?kib=128&ms=20")
	eventuallyWithin(t, time.Minute, "many workers were replaced", func() bool { return count(i, "worker ended") >= recycles || t.Failed() })
	stop()
	if kills := oomKills(t, init); kills != 0 {
		t.Errorf("the kernel has killed %d times", kills)
	}
	for _, line := range i.all("worker ended") {
		if line["reason"] != "memory_soft" {
			t.Errorf("a worker ended for another reason: %v", line)
		}
	}
	t.Logf("%d requests leaked %d MiB in a container of %d MiB", answered.Load(), answered.Load()/8, limit>>20)
}

func TestLimitsFollowAContainerThatIsResized(t *testing.T) {
	i, init := container(t, 160<<20, "pool_size=2", "memory_interval=200ms")
	i.await("memory limits of a worker", nil)
	if err := os.WriteFile(memoryFile(t, init, "memory.limit_in_bytes", "memory.max"), []byte(strconv.Itoa(240<<20)), 0); err != nil {
		t.Fatal(err)
	}
	i.await("memory limits of a worker", func(l map[string]any) bool { return l["budget_bytes"] == float64(240<<20) })
}

// TestWorkerLeavesFirstWhereTheContainerHasNoRoomForTwo has workers of which two are more than the container may take.
func TestWorkerLeavesFirstWhereTheContainerHasNoRoomForTwo(t *testing.T) {
	i, init := container(t, 128<<20, "pool_size=1", "worker_min_age=0s", "memory_interval=200ms", "worker_memory_soft=70MiB",
		"worker_memory_hard=off", "BALLAST_MIB=50", "GOGC=20", "queue_size=100")
	_, stop := load(t, i, 4, "/leak?kib=128&ms=20")
	eventuallyWithin(t, time.Minute, "workers were replaced", func() bool { return count(i, "worker ended") >= 3 || t.Failed() })
	stop()
	if kills := oomKills(t, init); kills != 0 {
		t.Errorf("the kernel has killed %d times", kills)
	}
}

// TestContainersLimitIsReal shows that what the test above never sees does happen when nobody watches.
func TestContainersLimitIsReal(t *testing.T) {
	i, init := container(t, 100<<20, "pool_size=1", "worker_memory_soft=off", "worker_memory_hard=off")
	if r := i.get("/hog?mib=300"); r.StatusCode != 502 {
		t.Errorf("got %d", r.StatusCode)
	}
	i.await("worker ended", func(l map[string]any) bool { return l["exit"] == "signal 9 (killed)" })
	if oomKills(t, init) == 0 {
		t.Error("the kernel has killed nobody")
	}
}
