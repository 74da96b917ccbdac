package process

import (
	"bytes"
	"os"
	"strconv"
)

// Exiting reports whether the process has ended or is about to: the kernel closes its connections some time before Ended
// is closed, and whoever loses one may want to know why.
func (p *Process) Exiting() bool {
	select {
	case <-p.ended:
		return true
	default:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return true
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/stat")
	return err == nil && isExiting(stat)
}

// isExiting reads what the kernel says of a process: its number, its name in parentheses, its state, and in the sixth
// place behind that its flags.
func isExiting(stat []byte) bool {
	const exiting = 0x4 // PF_EXITING
	at := bytes.LastIndexByte(stat, ')')
	fields := bytes.Fields(stat[at+1:])
	if at < 0 || len(fields) < 7 {
		return false
	}
	if state := fields[0][0]; state == 'Z' || state == 'X' {
		return true
	}
	flags, err := strconv.ParseUint(string(fields[6]), 10, 64)
	return err == nil && flags&exiting != 0
}
