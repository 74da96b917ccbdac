package systems

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of processor times in /proc: USER_HZ, which is 100 wherever Linux runs.
const tick = time.Second / 100

// processorTime is what a system has taken.
type processorTime struct {
	all   time.Duration // by it, by what it needs and by all processes that they started, those included that have ended
	first time.Duration // by its first process alone
}

func (t processorTime) minus(u processorTime) processorTime {
	return processorTime{t.all - u.all, t.first - u.first}
}

// processorTime is what the system has taken until now.
func (r *Running) processorTime() (processorTime, error) {
	t, err := treeTime(r.Cmd.Process.Pid)
	if err == nil && r.with != nil {
		var below processorTime
		below, err = r.with.processorTime()
		t.all += below.all
	}
	return t, err
}

func treeTime(root int) (total processorTime, err error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return total, err
	}
	parent, took := map[int]int{}, map[int]time.Duration{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file))) // digits
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) < 15 {
			return total, fmt.Errorf("%s has %d fields", file, len(fields))
		}
		parent[pid], _ = strconv.Atoi(fields[1])
		for i, field := range fields[11:15] { // utime, stime and those of children that were waited for
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return total, fmt.Errorf("%s: %w", file, err)
			}
			took[pid] += time.Duration(n) * tick
			if pid == root && i < 2 {
				total.first += time.Duration(n) * tick
			}
		}
	}
	for pid := range took {
		for p := pid; p != 0; p = parent[p] {
			if p == root {
				total.all += took[pid]
				break
			}
		}
	}
	return total, nil
}
