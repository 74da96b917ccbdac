package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
)

// The tests here run fwatchdog as PID 1 of a namespace, as a container's entrypoint is. A machine that refuses a namespace
// fails them: nothing else shows the same.

// asInit starts fwatchdog as PID 1 of a namespace of its own.
func asInit(t *testing.T, settings ...string) *instance {
	t.Helper()
	tmp := shortDir(t)
	args := []string{"--pid", "--fork", "--mount-proc", "--kill-child", binary}
	if os.Geteuid() != 0 {
		args = append([]string{"--user", "--map-root-user"}, args...)
	}
	cmd := exec.Command("unshare", args...)
	cmd.Env = append(os.Environ(), withDefaults(tmp, settings)...)
	i := begin(t, cmd, tmp)
	i.await("listening", nil)
	return i
}

// init returns the process that is PID 1 of the instance's namespace, as it is called outside.
func (i *instance) init() int {
	i.t.Helper()
	alive, _ := childrenOf(i.t, i.cmd.Process.Pid)
	if len(alive) != 1 {
		i.t.Fatalf("unshare has the children %v", alive)
	}
	return alive[0]
}

// members lists the processes in the namespace of pid.
func members(t *testing.T, pid int) (alive, zombies []int) {
	t.Helper()
	space, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
	if err != nil {
		return nil, nil // it has gone, and with it all others
	}
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if own, err := os.Readlink(folder + "/ns/pid"); err != nil || own != space {
			continue
		}
		member, _ := strconv.Atoi(filepath.Base(folder)) // the pattern lets nothing else pass
		if isZombie(member) {
			zombies = append(zombies, member)
		} else {
			alive = append(alive, member)
		}
	}
	return alive, zombies
}

func TestInitReapsOrphansAndLosesNoExitCode(t *testing.T) {
	settings := []string{"pool_size=8", "worker_concurrency=1", "queue_size=100", "queue_timeout=1m"}
	t.Run("of a namespace", func(t *testing.T) {
		i := asInit(t, append(settings, "fprocess="+burden, fmt.Sprintf("metrics_port=%d", freePort(t)))...)
		reapsAll(t, i, i.init())
	})
	t.Run("of a container", func(t *testing.T) {
		i, init := container(t, 512<<20, append(settings, fmt.Sprintf("metrics_port=%d", freePort(t)))...)
		reapsAll(t, i, init)
	})
}

// reapsAll makes orphans while workers end with exit codes of their own, and demands that nobody is left and no code lost.
func reapsAll(t *testing.T, i *instance, pid int) {
	t.Helper()
	const orphans, exits = 200, 20
	var group sync.WaitGroup
	group.Go(func() { // one after the other: whose worker is killed meanwhile is made again
		for made := 0; made < orphans; {
			if r := i.get("/orphans?n=5"); r.StatusCode == 200 {
				made += 5
			}
		}
	})
	for code := 1; code <= exits; code++ {
		group.Go(func() {
			if r := i.get(fmt.Sprintf("/exit?code=%d", code)); r.StatusCode != 502 {
				t.Errorf("exit %d: got %d", code, r.StatusCode)
			}
		})
	}
	group.Wait()
	for code := 1; code <= exits; code++ {
		i.await("worker ended", func(l map[string]any) bool { return l["exit"] == fmt.Sprintf("exit code %d", code) })
	}
	if n := count(i, "worker ended"); n != exits {
		t.Errorf("%d workers ended, not %d", n, exits)
	}
	i.eventually("all orphans are reaped", func() bool { return i.metric("fwatchdog_orphans_reaped_total") >= orphans })
	i.eventually("there are the workers and nobody else", func() bool {
		alive, zombies := members(t, pid)
		return len(zombies) == 0 && len(alive) == 1+8
	})
}

func TestInitThatIsTerminatedWithAllOthersLosesNothing(t *testing.T) {
	i := asInit(t, "pool_size=2", "healthcheck_interval=300ms")
	pid := i.init()
	i.pid(1)
	i.pid(2)
	wait := loadUntilClosed(t, i)
	everybody, _ := members(t, pid)
	for _, member := range everybody {
		if err := syscall.Kill(member, syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	}
	wait()
	if code := i.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if len(everybody) != 3 {
		t.Errorf("%d processes were terminated, not an init and two workers", len(everybody))
	}
}

func TestSecondSignalHurriesAnInit(t *testing.T) {
	i := asInit(t, "healthcheck_interval=1h")
	pid := i.init()
	for range 2 {
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		i.await("stopping", nil)
	}
	if code := i.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestKilledInitLeavesNobody(t *testing.T) {
	i := asInit(t, "fprocess="+burden, "pool_size=2")
	pid := i.init()
	i.pid(2)
	everybody, _ := members(t, pid)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for _, member := range everybody {
		i.eventually("it has gone", func() bool { return syscall.Kill(member, 0) != nil || isZombie(member) })
	}
}
