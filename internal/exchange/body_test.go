package exchange_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"fwatchdog/internal/exchange"
)

// leaving is a body whose client goes as its last byte is read. Its Close takes as long as it may.
type leaving struct {
	io.Reader
	leave  func()
	may    chan struct{}
	closed atomic.Bool
}

func (l *leaving) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if err == io.EOF {
		l.leave()
		close(l.may)
	}
	return n, err
}

func (l *leaving) Close() error {
	<-l.may
	l.closed.Store(true)
	return nil
}

func TestABodyIsNotTouchedAnyMoreOnceItIsRead(t *testing.T) {
	for range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		body := &leaving{Reader: strings.NewReader("body"), leave: cancel, may: make(chan struct{})}
		r := &exchange.Request{Stream: body, Length: 4}
		all, err := r.ReadAll(ctx)
		if len(all) > 0 || !errors.Is(err, context.Canceled) || !body.closed.Load() {
			t.Fatalf("got %q, %v, closed: %v", all, err, body.closed.Load())
		}
	}
}

func TestABodyIsReadWhole(t *testing.T) {
	for name, r := range map[string]*exchange.Request{
		"at hand":  {Body: []byte("body")},
		"streamed": {Stream: io.NopCloser(strings.NewReader("body")), Length: -1},
	} {
		if all, err := r.ReadAll(t.Context()); string(all) != "body" || err != nil {
			t.Errorf("%s: got %q, %v", name, all, err)
		}
	}
}
