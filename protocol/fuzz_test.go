package protocol

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// seed gives a fuzz target the payloads of all vectors of the given types.
func seed(f *testing.F, names ...string) {
	f.Helper()
	for _, v := range readVectors(f).Frames {
		for _, name := range names {
			if v["type"] == name {
				f.Add(unhex(f, v["hex"].(string))[HeaderSize:])
			}
		}
	}
}

// checkSame demands that what was decoded encodes to the bytes that it came from.
func checkSame(t *testing.T, h Header, payload []byte) {
	t.Helper()
	h.Length = len(payload)
	want := append(h.Append(nil), payload...)
	got, err := encode(h, payload)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("encoded:\n%s\nwant:\n%s", HexDump(got), HexDump(want))
	}
}

func FuzzParseHello(f *testing.F) {
	seed(f, "HELLO")
	f.Fuzz(func(t *testing.T, payload []byte) {
		h, err := ParseHello(payload)
		if err != nil {
			return
		}
		if version, err := h.Common(); err == nil && (version < h.Min || version > h.Max) {
			t.Errorf("version %d is not in %d to %d", version, h.Min, h.Max)
		}
		checkSame(t, Header{Type: TypeHello}, payload)
	})
}

func FuzzParseReady(f *testing.F) {
	seed(f, "READY")
	f.Fuzz(func(t *testing.T, payload []byte) {
		if _, err := ParseReady(payload); err != nil || len(payload) == 0 { // lossy: an empty list has a count
			return
		}
		checkSame(t, Header{Type: TypeReady}, payload)
	})
}

func FuzzParseNonce(f *testing.F) {
	seed(f, "PING", "PONG")
	f.Fuzz(func(t *testing.T, payload []byte) {
		if _, err := ParseNonce(payload); err != nil {
			return
		}
		checkSame(t, Header{Type: TypePing}, payload)
		checkSame(t, Header{Type: TypePong}, payload)
	})
}

func FuzzParseLog(f *testing.F) {
	seed(f, "LOG")
	f.Fuzz(func(t *testing.T, payload []byte) {
		level, _, err := ParseLog(payload)
		if err != nil || len(payload) > MaxPayload {
			return
		}
		if level != Level(payload[0]) { // lossy: an unknown level
			if level != LevelError {
				t.Errorf("level %d became %d", payload[0], level)
			}
			return
		}
		checkSame(t, Header{Type: TypeLog, Stream: 7}, payload)
	})
}

func FuzzParseWindow(f *testing.F) {
	seed(f, "WINDOW")
	f.Fuzz(func(t *testing.T, payload []byte) {
		if _, err := ParseWindow(payload); err == nil {
			checkSame(t, Header{Type: TypeWindow, Stream: 7}, payload)
		}
	})
}

func FuzzParseCancel(f *testing.F) {
	seed(f, "CANCEL")
	f.Fuzz(func(t *testing.T, payload []byte) {
		if _, err := ParseCancel(payload); err == nil {
			checkSame(t, Header{Type: TypeCancel, Stream: 7}, payload)
		}
	})
}

func FuzzParseError(f *testing.F) {
	seed(f, "ERROR")
	f.Fuzz(func(t *testing.T, payload []byte) {
		if _, _, err := ParseError(payload); err == nil && len(payload) <= MaxPayload {
			checkSame(t, Header{Type: TypeError, End: true, Stream: 7}, payload)
		}
	})
}

// A head is lossy when a later version has appended fields behind its headers, or a key is not in lower case. Then what
// was decoded must survive one more round.
func checkHead(t *testing.T, h Header, payload []byte, written int, headers Pairs) {
	t.Helper()
	for key, value := range headers.All() {
		written += 4 + len(key) + len(value)
		if !bytes.Equal(key, appendLower(nil, key)) {
			written = -1 << 31
		}
	}
	if written == len(payload) {
		checkSame(t, h, payload)
		return
	}
	once, err := encode(h, payload)
	if err != nil {
		t.Fatal(err)
	}
	checkSame(t, h, once[HeaderSize:])
}

func FuzzParseRequest(f *testing.F) {
	seed(f, "REQ")
	f.Fuzz(func(t *testing.T, payload []byte) {
		q, err := ParseRequest(payload)
		if err != nil || len(payload) > MaxPayload {
			return
		}
		fixed := 4 + 4 + 2 + len(q.Method) + 2 + len(q.Target) + 2
		checkHead(t, Header{Type: TypeRequest, Stream: 7}, payload, fixed+len(q.Body), q.Headers)
	})
}

func FuzzParseResponse(f *testing.F) {
	seed(f, "RESP")
	f.Fuzz(func(t *testing.T, payload []byte) {
		p, err := ParseResponse(payload)
		if err != nil || len(payload) > MaxPayload {
			return
		}
		checkHead(t, Header{Type: TypeResponse, Stream: 7}, payload, 4+2+2+len(p.Body), p.Headers)
	})
}

func FuzzTextIsCutToWholeCharacters(f *testing.F) {
	f.Add("größer→😀", uint16(9))
	f.Add("\x80\x80\x80\x80\x80\x80", uint16(5))
	f.Add("00\xad\xad\xad\xad", uint16(5)) // was cut to one byte
	f.Fuzz(func(t *testing.T, text string, limit uint16) {
		got := cutText(text, int(limit))
		if len(got) > int(limit) || !strings.HasPrefix(text, got) {
			t.Errorf("%d bytes of %q cut to %q", limit, text, got)
		}
		if utf8.ValidString(text) && !utf8.ValidString(got) {
			t.Errorf("%q is cut inside a character: %q", text, got)
		}
		if len(got) < len(text) && len(got) <= int(limit)-utf8.UTFMax {
			t.Errorf("%q is cut to %d bytes, though %d are allowed", text, len(got), limit)
		}
	})
}

// The Reader must see the same in a pipe, however it is cut into reads, as a plain walk over all of its bytes.
func FuzzReader(f *testing.F) {
	var all []byte
	v := readVectors(f)
	for _, frame := range v.Frames {
		wire := unhex(f, frame["hex"].(string))
		f.Add(wire, frame["from"] == "host", uint16(0), uint16(1), true)
		if len(wire) < 100 {
			all = append(all, wire...)
		}
	}
	for _, bad := range v.Bad {
		f.Add(unhex(f, bad.Hex), bad.From == "host", uint16(60000), uint16(5), false)
	}
	f.Add(all, true, uint16(0), uint16(3), true)
	f.Add([]byte("banner\n"+string(AppendReady(nil))+"text"), false, uint16(7), uint16(0), true)

	f.Fuzz(func(t *testing.T, wire []byte, fromHost bool, below, piece uint16, tolerant bool) {
		from, limit := Worker, MaxPayload-int(below)
		if fromHost {
			from = Host
		}
		r := NewReader(&pieces{bytes.NewReader(wire), int(piece)}, from, limit)
		var got events
		if tolerant {
			r.Stray = got.stray
		}
		for {
			h, payload, err := r.Next()
			if err != nil {
				var v *Violation
				if !errors.As(err, &v) {
					v = r.Violation(err)
				}
				if !bytes.HasPrefix(wire[v.Offset:], v.Dump) || len(v.Dump) > dumpSize {
					t.Errorf("dump is not what stands at byte %d:\n%s", v.Offset, HexDump(v.Dump))
				}
				got.end(v)
				break
			}
			got.frame(h, payload)
		}
		if diff := cmp.Diff(walk(wire, from, limit, tolerant).log, got.log); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// walk is the framing of PROTOCOL.md section 7 over bytes that are all there.
func walk(wire []byte, from Peer, limit int, tolerant bool) events {
	var e events
	at, last := 0, Header{}
	fail := func(err error) events {
		e.end(&Violation{Err: err, Offset: int64(at), Last: last})
		return e
	}
	for at < len(wire) {
		rest := wire[at:]
		switch {
		case rest[0] != magic0 && !tolerant:
			return fail(ErrMagic)
		case rest[0] != magic0:
			e.stray(rest[:1])
			at++
			continue
		case len(rest) > 1 && rest[1] != magic1:
			return fail(ErrMagic)
		case len(rest) < HeaderSize:
			return fail(io.ErrUnexpectedEOF)
		}
		h, err := parseHeader(rest, from, limit)
		if err != nil {
			return fail(err)
		}
		if len(rest) < HeaderSize+h.Length {
			return fail(io.ErrUnexpectedEOF)
		}
		at += HeaderSize + h.Length
		if h.Type.known() {
			e.frame(h, rest[HeaderSize:HeaderSize+h.Length])
			last = h
		}
	}
	return fail(io.EOF)
}

// events is what a pipe held, in order.
type events struct {
	log  []string
	text []byte // stray text since the last frame
}

func (e *events) stray(text []byte) { e.text = append(e.text, text...) }

func (e *events) frame(h Header, payload []byte) {
	e.log = append(e.log, fmt.Sprintf("%q, %s: %x", e.text, h, payload))
	e.text = nil
}

func (e *events) end(v *Violation) { e.log = append(e.log, fmt.Sprintf("%q, %v", e.text, v)) }

// pieces returns at most size bytes a read, and as many as are asked for when size is 0.
type pieces struct {
	src  io.Reader
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.size > 0 && len(b) > p.size {
		b = b[:p.size]
	}
	return p.src.Read(b)
}
