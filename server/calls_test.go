package server

import (
	"context"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fwatchdog/internal/exchange"
)

func TestACallThatWasCancelledJustBeforeItsEndStillSaysWhy(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // what cancel starts runs when we pause, and not before
	calls, err := newCalls(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(calls.epoll)
	c := calls.begin(nil, nil, time.Now())
	stop := context.AfterFunc(c, func() { t.Error("it runs although it was stopped") })

	c.cancel(exchange.ErrClientGone)
	stopped := stop()
	calls.end(c)
	next := calls.begin(nil, nil, time.Now())
	runtime.Gosched() // package context asks c for its error, and panics where there is none

	if !stopped || next.Err() != nil {
		t.Errorf("stopped is %v, the next call's error %v", stopped, next.Err())
	}
}
