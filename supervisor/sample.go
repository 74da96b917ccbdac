package supervisor

import (
	"fmt"

	"github.com/shirou/gopsutil/v3/mem"
	"github.com/shirou/gopsutil/v3/process"
	"golang.org/x/sys/unix"
)

// Metrics are the values of memory_metric.
var Metrics = []string{"rss", "pss"}

// groupMemory returns the memory that each process group takes, in bytes. Groups that are not asked for are left out; a
// process that goes meanwhile counts nothing. With pss, memory that processes share is divided among them.
func groupMemory(groups map[int]bool, pss bool) (map[int]int64, error) {
	pids, err := process.Pids()
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	took := make(map[int]int64, len(groups))
	for _, pid := range pids {
		group, err := unix.Getpgid(int(pid))
		if err != nil || !groups[group] {
			continue
		}
		took[group] += memory(pid, pss)
	}
	return took, nil
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
