package supervisor

import (
	"os"
	"os/exec"
	"testing"
	"testing/fstest"
	"time"

	"fwatchdog/internal/life"
	"fwatchdog/pool"
)

func TestQuotaIsTheSmallestLimitOnTheWayToTheRoot(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text + "\n")} }
	const none = float64(1 << 20)
	for name, test := range map[string]struct {
		files fstest.MapFS
		want  float64
	}{
		"no cgroups":                {fstest.MapFS{}, none},
		"version 2":                 {fstest.MapFS{"proc/self/cgroup": file("0::/a/b"), "sys/fs/cgroup/a/cpu.max": file("50000 100000"), "sys/fs/cgroup/a/b/cpu.max": file("max 100000")}, 0.5},
		"version 2, two limits":     {fstest.MapFS{"proc/self/cgroup": file("0::/a/b"), "sys/fs/cgroup/a/cpu.max": file("400000 100000"), "sys/fs/cgroup/a/b/cpu.max": file("150000 100000")}, 1.5},
		"version 2, of a container": {fstest.MapFS{"proc/self/cgroup": file("0::/../x"), "sys/fs/cgroup/cpu.max": file("200000 100000")}, 2},
		"version 2, no limit":       {fstest.MapFS{"proc/self/cgroup": file("0::/"), "sys/fs/cgroup/cpu.max": file("max 100000")}, none},
		"version 1":                 {fstest.MapFS{"proc/self/cgroup": file("3:memory:/m\n2:cpu,cpuacct:/x"), "sys/fs/cgroup/cpu/x/cpu.cfs_quota_us": file("25000"), "sys/fs/cgroup/cpu/x/cpu.cfs_period_us": file("100000")}, 0.25},
		"version 1, no limit":       {fstest.MapFS{"proc/self/cgroup": file("2:cpu,cpuacct:/"), "sys/fs/cgroup/cpu/cpu.cfs_quota_us": file("-1"), "sys/fs/cgroup/cpu/cpu.cfs_period_us": file("100000")}, none},
		"nonsense":                  {fstest.MapFS{"proc/self/cgroup": file("x\n0::/"), "sys/fs/cgroup/cpu.max": file("a b")}, none},
	} {
		t.Run(name, func(t *testing.T) {
			if got := quota(test.files); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// spin starts a process that keeps a processor busy.
func spin(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("sh", "-c", "while :; do :; done")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd.Process.Pid
}

func TestBusyIsWhatWorkersUseOfTheQuota(t *testing.T) {
	pid := spin(t)
	slots := []pool.SlotInfo{{ID: life.ID{Serial: 1}, Vitals: life.Vitals{Pid: pid}}, {}}
	p := &processors{quota: func() float64 { return 0.001 }} // so that also a little is much
	p.look(slots)
	if got := p.busy(); got != 0 {
		t.Errorf("one look tells %v", got)
	}
	used, _ := processTime(pid)
	deadline := time.Now().Add(10 * time.Second)
	for now := used; now < used+5*time.Millisecond; now, _ = processTime(pid) {
		if time.Now().After(deadline) {
			t.Fatal("the process takes no time")
		}
	}
	p.look(slots)
	first, last := p.marks[0], p.marks[1]
	least := (last.used[pid] - first.used[pid]).Seconds() / last.at.Sub(first.at).Seconds() / p.quota()
	if got := p.busy(); got < least || least == 0 {
		t.Errorf("busy is %v, the worker alone is %v", got, least)
	}
	p.forget()
	if got := p.busy(); got != 0 {
		t.Errorf("when it has forgotten: %v", got)
	}
}

func TestLooksThatAreTooOldAreForgotten(t *testing.T) {
	p := newProcessors()
	now := time.Now()
	for n := range 10 {
		p.marks = append(p.marks, mark{at: now.Add(time.Duration(n-10) * 40 * time.Millisecond)})
	}
	p.look(nil)
	last := p.marks[len(p.marks)-1].at
	if first, second := last.Sub(p.marks[0].at), last.Sub(p.marks[1].at); first < window || second >= window {
		t.Errorf("the oldest looks are from %v and %v before the last", first, second)
	}
}

func TestProcessThatHasGoneTakesNoTime(t *testing.T) {
	if _, ok := processTime(1 << 22); ok {
		t.Error("there is no such process")
	}
	if used, ok := processTime(os.Getpid()); !ok || used <= 0 {
		t.Errorf("we have used %v, %v", used, ok)
	}
}
