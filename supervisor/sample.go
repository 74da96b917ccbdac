package supervisor

import (
	"fmt"
	"time"

	"github.com/shirou/gopsutil/v3/mem"
	"github.com/shirou/gopsutil/v3/process"
	"golang.org/x/sys/unix"

	"fwatchdog/internal/life"
)

// Metrics are the values of memory_metric.
var Metrics = []string{"rss", "pss"}

// sample is what a process group took when it was looked at.
type sample struct {
	memory int64         // bytes
	cpu    time.Duration // of its processes that are there, since their start
	served uint64        // requests that the worker has got
}

// sampleGroups looks at process groups. Groups that are not asked for are left out; a process that goes meanwhile counts
// nothing. With pss, memory that processes share is divided among them.
func sampleGroups(groups map[int]bool, pss bool) (map[int]sample, error) {
	pids, err := process.Pids()
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	took := make(map[int]sample, len(groups))
	for _, pid := range pids {
		group, err := unix.Getpgid(int(pid))
		if err != nil || !groups[group] {
			continue
		}
		s := took[group]
		s.memory += memory(pid, pss)
		s.cpu += cpu(pid)
		took[group] = s
	}
	return took, nil
}

// cpu returns what one process has taken of the processors; 0 when it has gone.
func cpu(pid int32) time.Duration {
	times, err := (&process.Process{Pid: pid}).Times()
	if err != nil {
		return 0
	}
	return time.Duration((times.User + times.System) * float64(time.Second))
}

// since is what a group has taken over a time. Its processor time shrinks when one of its processes ends.
func (s sample) since(before sample, elapsed time.Duration) life.Usage {
	u := life.Usage{Memory: s.memory}
	if before != (sample{}) && s.cpu > before.cpu {
		u.CPU = (s.cpu - before.cpu).Seconds() / elapsed.Seconds()
	}
	return u
}

// memory returns what one process takes, in bytes; 0 when it has gone.
func memory(pid int32, pss bool) int64 {
	p := &process.Process{Pid: pid}
	if pss {
		maps, err := p.MemoryMaps(true)
		if err != nil || len(*maps) == 0 {
			return 0
		}
		return int64((*maps)[0].Pss) << 10
	}
	info, err := p.MemoryInfo()
	if err != nil {
		return 0
	}
	return int64(info.RSS)
}

// physical returns the machine's memory in bytes.
func physical() (int64, error) {
	all, err := mem.VirtualMemory()
	if err != nil {
		return 0, fmt.Errorf("measure the machine's memory: %w", err)
	}
	return int64(all.Total), nil
}
