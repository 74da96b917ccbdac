package process

import (
	"bytes"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// SignalIfCaught sends sig to the process alone, and not to its group, when the process has a handler for it: to one that has
// none the signal might be the end. It reports whether it was sent.
func (p *Process) SignalIfCaught(sig syscall.Signal) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return false
	}
	status, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/status")
	return err == nil && catches(status, sig) && unix.Kill(p.pid, sig) == nil
}

// catches reads what the kernel says of a process: the signals that it catches are a hexadecimal number, the first the lowest
// bit.
func catches(status []byte, sig syscall.Signal) bool {
	_, rest, found := bytes.Cut(status, []byte("\nSigCgt:\t"))
	mask, _, _ := bytes.Cut(rest, []byte{'\n'})
	caught, err := strconv.ParseUint(string(mask), 16, 64)
	return found && err == nil && caught>>(sig-1)&1 == 1
}
