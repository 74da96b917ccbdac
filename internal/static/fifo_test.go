package static

import (
	"context"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"fwatchdog/internal/exchange"
)

func TestAPipeAmongTheFilesKeepsNobodyWaiting(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o666); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	done := make(chan int, 1)
	go func() {
		x := &exchange.Exchange{Request: exchange.Request{Method: []byte("GET"), Target: []byte("/fifo")}}
		_ = New(dir).Do(ctx, x)
		done <- x.Response.Status
	}()
	select {
	case status := <-done:
		if status != 404 {
			t.Errorf("status %d", status)
		}
	case <-time.After(3 * time.Second):
		t.Error("Do waits, also when its context has ended")
	}
}
