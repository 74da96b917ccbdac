package protocol

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBuilderFillsAFrameToItsLastByteAndNoFurther(t *testing.T) {
	tests := []struct {
		name  string
		begin func(dst []byte) Builder
		limit int
	}{
		{"request", func(dst []byte) Builder { return BeginRequest(dst, 1, 0, []byte("GET"), []byte("/")) }, MaxPayload},
		{"response", func(dst []byte) Builder { return BeginResponse(dst, 1, 200, MaxPayload) }, MaxPayload},
		{"shared response", func(dst []byte) Builder { return BeginResponse(dst, 1, 200, MaxSharedPayload) }, MaxSharedPayload},
	}
	for _, tt := range tests {
		for _, over := range []int{0, 1} {
			t.Run(fmt.Sprintf("%s, %d too many in the body", tt.name, over), func(t *testing.T) {
				b := tt.begin([]byte("before"))
				checkFull(t, tt.limit, over, b.Room(), func(n int) ([]byte, error) { return b.End(make([]byte, n), true) })
			})
			t.Run(fmt.Sprintf("%s, %d too many in a header", tt.name, over), func(t *testing.T) {
				b := tt.begin([]byte("before"))
				checkFull(t, tt.limit, over, b.Room()-5, func(n int) ([]byte, error) {
					b.Pair([]byte("k"), make([]byte, n))
					return b.End(nil, true)
				})
			})
		}
	}
}

func checkFull(t *testing.T, limit, over, room int, fill func(bytes int) ([]byte, error)) {
	t.Helper()
	got, err := fill(room + over)
	if over > 0 {
		if !errors.Is(err, ErrHeadTooLarge) || string(got) != "before" {
			t.Errorf("got %v and %d bytes, want ErrHeadTooLarge and nothing appended", err, len(got))
		}
		return
	}
	if err != nil || len(got) != len("before")+HeaderSize+limit {
		t.Errorf("got %v and %d bytes, want a full frame", err, len(got))
	}
}

func TestBuilderRefusesWhatNoLengthCanAnnounce(t *testing.T) {
	long := make([]byte, maxString+1)
	begin := func() Builder { return BeginResponse(nil, 1, 200, MaxPayload) }
	tests := []struct {
		name  string
		build func() Builder
	}{
		{"method", func() Builder { return BeginRequest(nil, 1, 0, long, nil) }},
		{"target", func() Builder { return BeginRequest(nil, 1, 0, nil, long) }},
		{"key", func() Builder { b := begin(); b.Pair(long, nil); return b }},
		{"value", func() Builder { b := begin(); b.Pair(nil, long); return b }},
		{"count", func() Builder {
			b := begin()
			for range maxString + 1 {
				b.Pair(nil, nil)
			}
			return b
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := tt.build()
			b.Pair([]byte("small"), nil)
			if _, err := b.End(nil, true); !errors.Is(err, ErrHeadTooLarge) {
				t.Errorf("got %v, want ErrHeadTooLarge", err)
			}
		})
	}
}

// A head that is too large is found out while it is built: what is kept of it stays near the limit.
func TestBuilderStopsGrowingOnceTheHeadIsTooLarge(t *testing.T) {
	b := BeginResponse(nil, 1, 200, MaxSharedPayload)
	value := make([]byte, 1000)
	for range 1000 {
		b.Pair([]byte("x-big"), value)
	}
	if len(b.dst) > MaxSharedPayload+2*len(value) {
		t.Errorf("%d bytes were built of a frame of at most %d", len(b.dst), MaxSharedPayload)
	}
}

func TestHeadersAreWrittenInLowerCaseASCIIOnly(t *testing.T) {
	b := BeginResponse(nil, 1, 200, MaxPayload)
	b.Pair([]byte("X-Call-Id\xc4"), []byte("Left As It Is\xc4"))
	wire, err := b.End(nil, true)
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParseResponse(wire[HeaderSize:])
	if err != nil {
		t.Fatal(err)
	}
	want := [][2]string{{"x-call-id\u00c4", "Left As It Is\u00c4"}}
	if diff := cmp.Diff(want, list(p.Headers)); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

func TestHeadIsDecodedToViewsOfThePayload(t *testing.T) {
	b := BeginRequest(nil, 1, 30000, []byte("POST"), []byte("/path?query"))
	b.Pair([]byte("host"), []byte("example"))
	wire, err := b.End([]byte("body"), false)
	if err != nil {
		t.Fatal(err)
	}
	q, err := ParseRequest(wire[HeaderSize:])
	if err != nil {
		t.Fatal(err)
	}
	copy(wire[HeaderSize+8+2:], "BREW") // where the method stands
	if string(q.Method) != "BREW" {
		t.Errorf("method is %q, a copy", q.Method)
	}
	if string(q.Target) != "/path?query" || q.TimeoutMs != 30000 || string(q.Body) != "body" {
		t.Errorf("got %d ms, %q, %q", q.TimeoutMs, q.Target, q.Body)
	}
}
