package static

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"fwatchdog/internal/exchange"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// served asks for a target among files and returns the answer.
func served(t *testing.T, files map[string]string, method, target string) *exchange.Exchange {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	x := &exchange.Exchange{Request: exchange.Request{Method: []byte(method), Target: []byte(target)}}
	if err := New(dir).Do(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	return x
}

func header(x *exchange.Exchange, name string) string {
	for _, f := range x.Response.Header {
		if strings.EqualFold(string(f.Key), name) {
			return string(f.Value)
		}
	}
	return ""
}

func TestSmallFileIsWhole(t *testing.T) {
	x := served(t, map[string]string{"a.html": "<p>"}, "GET", "/a.html")
	if x.Response.Status != 200 || string(x.Response.Body) != "<p>" || header(x, "content-type") != "text/html; charset=utf-8" {
		t.Errorf("got %+v", x.Response)
	}
}

func TestLargeFileIsStreamed(t *testing.T) {
	large := strings.Repeat("0123456789", 100_000)
	x := served(t, map[string]string{"a": large}, "GET", "/a")
	var got strings.Builder
	n, err := x.Response.Stream.WriteTo(&got)
	if got.String() != large || n != int64(len(large)) || err != nil {
		t.Errorf("got %d bytes, %v", n, err)
	}
	if err := x.Response.Stream.Close(); err != nil {
		t.Error(err)
	}
}

func TestStreamThatNobodyTakesEndsItsHandler(t *testing.T) {
	x := served(t, map[string]string{"a": strings.Repeat("x", 1_000_000)}, "GET", "/a")
	if err := x.Response.Stream.Close(); err != nil {
		t.Error(err)
	}
}

func TestFileThatShrinksIsAnError(t *testing.T) {
	w := newWriter(false)
	w.header.Set("Content-Length", "10")
	w.long = true
	_ = w.pieces.Close()
	if _, err := (stream{w}).WriteTo(io.Discard); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

func TestHeadTellsTheLength(t *testing.T) {
	x := served(t, map[string]string{"a": "hello"}, "HEAD", "/a")
	if x.Response.Status != 200 || header(x, "content-length") != "5" || len(x.Response.Body) > 0 {
		t.Errorf("got %+v", x.Response)
	}
	_ = x.Response.Stream.Close()
}

func TestTargetThatIsNoneIsRefused(t *testing.T) {
	x := &exchange.Exchange{Request: exchange.Request{Method: []byte("GET"), Target: []byte("/%zz")}}
	err := New(t.TempDir()).Do(t.Context(), x)
	if refused := new(exchange.RefusedError); !errors.As(err, &refused) || refused.Refusal != exchange.BadRequest {
		t.Errorf("got %v", err)
	}
}
