package supervisor

import (
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"fwatchdog/pool"
)

// window is how far back the use of processors is looked at.
const window = 100 * time.Millisecond

// processors tells how busy we and our workers keep those that we may use. What a worker's own children do is not seen;
// nor is booting, which ends by itself.
type processors struct {
	quota func() float64 // how many there are, or are granted; a container may be resized while it runs
	marks []mark         // the oldest first
}

// mark is the processor time that each process had taken at a moment.
type mark struct {
	at   time.Time
	used map[int]time.Duration
}

func newProcessors() *processors {
	return &processors{quota: func() float64 { return min(quota(filesystem()), float64(runtime.NumCPU())) }}
}

// look measures now.
func (p *processors) look(slots []pool.SlotInfo) {
	m := mark{at: time.Now(), used: map[int]time.Duration{}}
	for _, pid := range append(pids(slots), os.Getpid()) {
		if used, ok := processTime(pid); ok {
			m.used[pid] = used
		}
	}
	p.marks = append(p.marks, m)
	for len(p.marks) > 2 && m.at.Sub(p.marks[1].at) >= window {
		p.marks = p.marks[1:]
	}
}

// forget ends the window: the next look begins another.
func (p *processors) forget() { p.marks = nil }

// busy is the part of the processors that was used since the oldest look of the window.
func (p *processors) busy() float64 {
	if len(p.marks) < 2 {
		return 0
	}
	first, last := p.marks[0], p.marks[len(p.marks)-1]
	var used time.Duration
	for pid, now := range last.used {
		if before, there := first.used[pid]; there {
			used += now - before
		}
	}
	return used.Seconds() / (last.at.Sub(first.at).Seconds() * p.quota())
}

func pids(slots []pool.SlotInfo) []int {
	var found []int
	for _, slot := range slots {
		if slot.Vitals.Pid > 0 { // of a worker that is not reaped: the pid is its own
			found = append(found, slot.Vitals.Pid)
		}
	}
	return found
}

// processTime is the processor time that a process has taken; false when it has gone, or the kernel does not tell.
func processTime(pid int) (time.Duration, bool) {
	const ofProcess = 2 // CPUCLOCK_SCHED of a whole process: its clock's number holds the pid
	var ts unix.Timespec
	if unix.ClockGettime(int32(^pid<<3|ofProcess), &ts) != nil {
		return 0, false
	}
	return time.Duration(ts.Nano()), true
}

// quota is how many processors the container may use: the smallest limit on the way to the root; without one very many.
func quota(root fs.FS) float64 {
	least := float64(1 << 20)
	for _, m := range memberships(root) {
		switch {
		case slices.Contains(m.controllers, "cpu"):
			for _, folder := range upward("sys/fs/cgroup/cpu", m.path) {
				least = min(least, share(text(root, folder+"/cpu.cfs_quota_us"), text(root, folder+"/cpu.cfs_period_us"), least))
			}
		case m.version2:
			for _, folder := range upward(v2Root, m.path) {
				most, period, _ := strings.Cut(text(root, folder+"/cpu.max"), " ")
				least = min(least, share(most, period, least))
			}
		}
	}
	return least
}

// share is time per period; otherwise where there is no such limit.
func share(most, period string, otherwise float64) float64 {
	time, err1 := strconv.ParseFloat(most, 64)
	each, err2 := strconv.ParseFloat(period, 64)
	if err1 != nil || err2 != nil || time <= 0 || each <= 0 {
		return otherwise
	}
	return time / each
}

func text(root fs.FS, name string) string {
	all, err := fs.ReadFile(root, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(all))
}
