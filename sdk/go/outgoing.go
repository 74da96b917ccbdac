package fwatchdog

import (
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// maxPending is how many bytes may wait to be written before handlers that send more have to wait.
const maxPending = 1 << 18

// brief is how long after a read the requests that came with it are taken for short ones, whose answers wait for each other.
const brief = 500 * time.Microsecond

// outgoing joins the frames of all streams into few writes. Whoever sends while nobody writes, writes; what is sent
// meanwhile leaves with the next write. For a brief time after a read nobody but the reader writes: it does so before it
// waits for the pipe again, so that a batch of short requests is answered with one write.
type outgoing struct {
	pipe io.Writer

	mu      sync.Mutex // guards what follows
	changed sync.Cond  // pending was taken, or writing ended
	pending []byte
	spare   []byte    // the other buffer: the two take turns
	writing bool      // somebody will take what is pending
	held    bool      // the reader is at work, and will write
	since   time.Time // of held
	failed  error     // of the pipe: nothing is written after it
}

func newOutgoing(pipe io.Writer) *outgoing {
	o := &outgoing{pipe: pipe}
	o.changed.L = &o.mu
	return o
}

// send appends the frames that encode appends, and sees to it that they are written. The error is the pipe's, or that of
// encode, which then must have appended nothing. encode runs under the lock.
func (o *outgoing) send(encode func(dst []byte) ([]byte, error)) error {
	turn, err := o.append(encode)
	if turn == mineSoon {
		runtime.Gosched() // handlers that are about to answer join this write
	}
	if turn != theirs {
		o.write()
	}
	return err
}

// turn says who writes what was appended.
type turn int

const (
	theirs   turn = iota // somebody else does
	mineSoon             // the caller does, once others had a chance to append
	mine                 // the caller does
)

// append appends what encode appends and decides who writes it.
func (o *outgoing) append(encode func(dst []byte) ([]byte, error)) (t turn, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.pending) >= maxPending && o.failed == nil {
		o.changed.Wait()
	}
	if o.failed != nil {
		return theirs, o.failed
	}
	if o.pending, err = encode(o.pending); err != nil || o.writing {
		return theirs, err
	}
	short := time.Since(o.since) < brief
	if short && o.held {
		return theirs, nil
	}
	o.writing = true
	if short {
		return mineSoon, nil
	}
	return mine, nil // who has computed for long, among others who do, must not wait for them
}

// add appends a frame of the reader's, which must not wait for anything: release writes it.
func (o *outgoing) add(encode func(dst []byte) []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pending = encode(o.pending)
}

// hold leaves all writing to the reader.
func (o *outgoing) hold() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held = true
	o.since = time.Now()
}

// lastRead is when the reader has read last.
func (o *outgoing) lastRead() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.since
}

// release writes what was sent since hold.
func (o *outgoing) release() {
	if o.unhold() {
		o.write()
	}
}

func (o *outgoing) unhold() (first bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held = false
	first = len(o.pending) > 0 && !o.writing && o.failed == nil
	o.writing = o.writing || first
	return first
}

// write writes what is pending. When more came meanwhile, a goroutine that ends with the last of it goes on: a handler
// that streams must not be kept busy with the answers of others.
func (o *outgoing) write() {
	batch := o.take()
	_, err := o.pipe.Write(batch)
	if more := o.written(batch, err); more {
		go o.write()
	}
}

func (o *outgoing) take() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	batch := o.pending
	o.pending, o.spare = o.spare[:0], nil
	o.changed.Broadcast()
	return batch
}

// written gives a batch's buffer back and reports whether more has to be written.
func (o *outgoing) written(batch []byte, err error) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.spare = batch
	o.failed = err
	o.writing = err == nil && len(o.pending) > 0 && !o.held
	if !o.writing {
		o.changed.Broadcast()
	}
	return o.writing
}

// flush waits until everything has been written, or nothing more can be.
func (o *outgoing) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for (o.writing || len(o.pending) > 0) && o.failed == nil {
		o.changed.Wait()
	}
}

// reader reads from the host, and lets what was sent meanwhile leave before it waits.
type reader struct {
	pipe  io.Reader
	out   *outgoing
	taken *atomic.Int32 // requests that are being answered
}

// Read implements io.Reader.
func (r reader) Read(p []byte) (int, error) {
	if r.taken.Load() > 0 { // or else a second thread would be woken for nothing
		runtime.Gosched() // the handlers of the requests that came last answer, if they can do so at once
	}
	r.out.release()
	n, err := r.pipe.Read(p)
	r.out.hold()
	return n, err
}
