package reaper

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// zombies returns the dead children of this process, those with an owner too. What /proc does not show is left to the
// next look: no error is worth more than that.
func zombies() []int {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer func() { _ = proc.Close() }() // it was only read
	names, _ := proc.Readdirnames(-1)   // a part is better than nothing
	var dead []int
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err == nil && deadChild(pid) {
			dead = append(dead, pid)
		}
	}
	return dead
}

// deadChild reports whether pid is a zombie whose parent we are.
func deadChild(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false // it has gone
	}
	var state string
	var parent int
	name := bytes.LastIndexByte(stat, ')') // the process chose its name: it may hold spaces and brackets
	_, err = fmt.Sscan(string(stat[name+1:]), &state, &parent)
	return err == nil && state == "Z" && parent == os.Getpid()
}
