package server

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"fwatchdog/internal/exchange"
)

// watchEvery is how often young calls are looked through, and at which age the connection of one is watched.
const watchEvery = 100 * time.Millisecond

// watch cancels the calls of clients that have closed their connection. Fasthttp does not tell, and a read would take
// bytes that are its own, so the kernel is asked: only for calls that last. It returns when stop is closed.
func (t *calls) watch(stop <-chan struct{}) {
	defer unix.Close(t.epoll)
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var events [128]unix.EpollEvent
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			t.watchOld(now)
			t.cancelLate(now)
			n, _ := unix.EpollWait(t.epoll, events[:], 0) // an interrupted wait is repeated by the next tick
			for _, event := range events[:max(n, 0)] {
				t.clientLeft(int(event.Fd))
			}
		}
	}
}

// watchOld begins to watch the calls that have become old.
func (t *calls) watchOld(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := t.young; c != nil && now.Sub(c.start) >= watchEvery; c = c.next {
		t.young = c.next
		t.watchConn(c)
	}
}

// cancelLate cancels the calls that last longer than they may.
func (t *calls) cancelLate(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.longest == 0 {
		return
	}
	for c := t.head; c != nil && now.Sub(c.start) >= t.longest; c = c.next {
		if !c.free {
			c.cancel(errWriteTimeout)
		}
	}
}

// setFree lets the call last as long as it likes.
func (t *calls) setFree(c *call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c.free = true
}

// watchConn asks the kernel to tell when the client of c closes. t.mu is held.
func (t *calls) watchConn(c *call) {
	sc, ok := c.conn.(syscall.Conn)
	if !ok {
		return // not a socket: a test's
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return // closed already: the answer will find out
	}
	_ = raw.Control(func(fd uintptr) {
		event := unix.EpollEvent{Events: unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: int32(fd)}
		if unix.EpollCtl(t.epoll, unix.EPOLL_CTL_ADD, int(fd), &event) == nil {
			c.fd = int(fd)
			t.byFD[c.fd] = c
		}
	})
}

func (t *calls) clientLeft(fd int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.byFD[fd]; c != nil {
		c.cancel(exchange.ErrClientGone)
	}
}
