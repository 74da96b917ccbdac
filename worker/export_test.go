package worker

import (
	"maps"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// LastCall is the stream at which a worker asks to be replaced.
const LastCall = lastCall

// SetLastStream makes n the number of the last stream.
func (f *Framed) SetLastStream(n uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stream = n
}

// Queued is how many bytes were handed to the writer.
func (f *Framed) Queued() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.queued
}

// Pending is how many bytes wait for the writer.
func (f *Framed) Pending() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.pending)
}

// Backlog is from how many pending bytes on uploads wait.
const Backlog = backlog

// PipeSizes is how many bytes the pipes hold through which frames go.
func (f *Framed) PipeSizes() (in, out int) {
	return pipeSize(f.proc.Stdin), pipeSize(f.out)
}

func pipeSize(pipe *os.File) (bytes int) {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return 0 // it is closed
	}
	_ = raw.Control(func(fd uintptr) { bytes, _ = unix.FcntlInt(fd, unix.F_GETPIPE_SZ, 0) }) // 0 is wrong, too
	return bytes
}

// Streams is how many streams are open.
func (f *Framed) Streams() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.streams)
}

// Expire is what the timers of all open streams do, early or late.
func (f *Framed) Expire() {
	for _, s := range f.everyStream() {
		s.expire()
	}
}

// Backdate puts the deadlines of all open streams into the past, of which no timer tells.
func (f *Framed) Backdate() {
	for _, s := range f.everyStream() {
		s.mu.Lock()
		s.deadline = time.Now().Add(-time.Second)
		s.mu.Unlock()
	}
}

// Due makes the deadlines of all open streams be now. A timer that was set fires, one that was stopped does not.
func (f *Framed) Due() {
	for _, s := range f.everyStream() {
		s.mu.Lock()
		limited := !s.deadline.IsZero()
		if limited {
			s.deadline = time.Now()
		}
		s.mu.Unlock()
		if limited && s.timer.Stop() {
			s.timer.Reset(0)
		}
	}
}

func (f *Framed) everyStream() []*stream {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Values(f.streams))
}

// Poison is what happens at the end of a stream's grace.
func (f *Framed) Poison(id uint32) { f.poisoned(id) }

// Mute reports whether the worker's output has ended.
func (f *Framed) Mute() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mute
}
