package protocol

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestReaderReturnsTheSameFramesForEveryReadSize(t *testing.T) {
	wire := AppendHello(nil, "sdk", "go")
	wire = AppendReady(wire)
	wire = AppendData(wire, 1, bytes.Repeat([]byte{0xFB}, MaxPayload), false)
	wire = AppendData(wire, 1, nil, true)
	want := []string{
		"HELLO stream 0, 15 bytes", "READY stream 0, 2 bytes",
		"DATA stream 1, 65536 bytes", "DATA+END stream 1, 0 bytes",
	}
	readers := map[string]func(io.Reader) io.Reader{
		"one byte a read":              iotest.OneByteReader,
		"half of what is asked":        iotest.HalfReader,
		"the error beside the bytes":   iotest.DataErrReader,
		"as much as there is":          func(r io.Reader) io.Reader { return r },
		"nothing at first, then bytes": func(r io.Reader) io.Reader { return &hesitant{src: r} },
	}
	for name, slow := range readers {
		t.Run(name, func(t *testing.T) {
			r := NewReader(slow(bytes.NewReader(wire)), Worker, MaxPayload)
			var got []string
			for {
				h, _, err := r.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, h.String())
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("frames (-want +got):\n%s", diff)
			}
		})
	}
}

// hesitant returns no bytes and no error before every read that returns some, as an io.Reader may.
type hesitant struct {
	src   io.Reader
	reads int
}

func (h *hesitant) Read(b []byte) (int, error) {
	if h.reads++; h.reads%2 == 1 {
		return 0, nil
	}
	return h.src.Read(b)
}

func TestReaderTellsAnEndBetweenFramesFromOneInsideAFrame(t *testing.T) {
	ping := AppendPing(nil, 1)
	for cut := range len(ping) + 1 {
		r := NewReader(bytes.NewReader(append(bytes.Clone(ping), ping[:cut]...)), Host, MaxPayload)
		if _, _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		var want error
		switch cut {
		case 0:
			want = io.EOF
		case len(ping):
			want = nil
		default:
			want = io.ErrUnexpectedEOF
		}
		if _, _, err := r.Next(); err != want {
			t.Errorf("after %d bytes of the second frame: got %v, want %v", cut, err, want)
		}
	}
}

func TestReaderReturnsTheErrorOfItsSource(t *testing.T) {
	broken := errors.New("broken pipe")
	r := NewReader(io.MultiReader(bytes.NewReader(AppendPing(nil, 1)), iotest.ErrReader(broken)), Host, MaxPayload)
	if _, _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Next(); err != broken {
		t.Errorf("got %v, want %v", err, broken)
	}
}

func TestReaderSaysWhetherMoreIsBuffered(t *testing.T) {
	wire := AppendPing(AppendPing(nil, 1), 2)
	r := NewReader(bytes.NewReader(wire), Host, MaxPayload)
	for _, want := range []bool{true, false} {
		if _, _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		if got := r.Buffered(); got != want {
			t.Errorf("Buffered() = %v, want %v", got, want)
		}
	}
}

func TestReaderObeysALimitThatChanges(t *testing.T) {
	large := AppendData(nil, 1, make([]byte, MaxSharedPayload+1), false)
	r := NewReader(bytes.NewReader(append(AppendHello(nil), large...)), Worker, MaxSharedPayload)
	if _, _, err := r.Next(); err != nil {
		t.Fatal(err)
	}

	r.Limit(MaxPayload)

	if h, _, err := r.Next(); err != nil || h.Length != MaxSharedPayload+1 {
		t.Errorf("got %v, %v, want the large frame", h, err)
	}
}

func TestStrayTextIsHandedOutAroundFrames(t *testing.T) {
	wire := []byte("banner\n")
	wire = AppendHello(wire)
	wire = append(wire, "printed "...)
	wire = append(wire, "twice\n"...)
	wire = AppendReady(wire)
	wire = AppendData(wire, 1, []byte("no stray text"), true)
	wire = append(wire, "the end"...)

	for name, src := range map[string]io.Reader{
		"one read":        bytes.NewReader(wire),
		"one byte a read": iotest.OneByteReader(bytes.NewReader(wire)),
	} {
		t.Run(name, func(t *testing.T) {
			var got strings.Builder
			r := NewReader(src, Worker, MaxPayload)
			r.Stray = func(text []byte) { got.Write(text) }
			for range 3 {
				h, _, err := r.Next()
				if err != nil {
					t.Fatal(err)
				}
				got.WriteString("<" + h.Type.String() + ">")
			}
			if _, _, err := r.Next(); err != io.EOF {
				t.Errorf("got %v at the end, want EOF", err)
			}
			want := "banner\n<HELLO>printed twice\n<READY><DATA>the end"
			if got.String() != want {
				t.Errorf("got %q, want %q", got.String(), want)
			}
		})
	}
}

func TestStrayTextLargerThanTheBufferPassesThrough(t *testing.T) {
	text := strings.Repeat("x", 3*readerSize)
	var got strings.Builder
	r := NewReader(strings.NewReader(text+string(AppendReady(nil))), Worker, MaxPayload)
	r.Stray = func(text []byte) { got.Write(text) }

	h, _, err := r.Next()

	if err != nil || h.Type != TypeReady {
		t.Errorf("got %v, %v, want READY", h, err)
	}
	if got.String() != text {
		t.Errorf("%d bytes of stray text, want %d", got.Len(), len(text))
	}
}

func TestTextThatLooksLikeAFrameIsRefusedAtItsSecondByte(t *testing.T) {
	pipe, feed := io.Pipe()
	t.Cleanup(func() { _ = feed.Close() })                // a pipe in memory has nothing to fail at
	go func() { _, _ = feed.Write([]byte("\xfb\x00")) }() // ends with the read: no third byte ever comes
	r := NewReader(pipe, Worker, MaxPayload)

	_, _, err := r.Next()

	if !errors.Is(err, ErrMagic) {
		t.Errorf("got %v, want ErrMagic", err)
	}
}

func TestViolationTellsWhereAndAfterWhat(t *testing.T) {
	tests := []struct {
		name   string
		before []byte
		bad    []byte
		text   string
	}{
		{"the first frame", nil, []byte("\xfb\x00"),
			"protocol: not the start of a frame at byte 0, as the first frame"},
		{"text without a taker", AppendReady(nil), []byte("hello"),
			"protocol: not the start of a frame at byte 14, after READY stream 0, 2 bytes"},
		{"an unknown type", AppendPong(nil, 1), Header{Type: 200}.Append(nil),
			"protocol: frame type not allowed here: type 200 is not known at byte 20, after PONG stream 0, 8 bytes"},
		{"after a frame that was ignored", append(AppendPong(nil, 1), Header{Type: 9}.Append(nil)...), Header{Type: 16}.Append(nil),
			"protocol: frame type not allowed here: REQ at byte 32, after PONG stream 0, 8 bytes"},
		{"a large frame", AppendData(nil, 7, nil, true), Header{Type: TypeData, Stream: 7, Length: 65537}.Append(nil),
			"protocol: payload too large: 65537 bytes on DATA, at most 65536 here at byte 12, after DATA+END stream 7, 0 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := NewReader(iotest.OneByteReader(bytes.NewReader(append(tt.before, tt.bad...))), Worker, MaxPayload)
			var err error
			for err == nil {
				_, _, err = r.Next()
			}
			if err.Error() != tt.text {
				t.Errorf("got  %v\nwant %v", err, tt.text)
			}
		})
	}
}

// The offset and the dump must hold when the frame was moved to the front of the buffer before its header was whole.
func TestViolationIsFoundWhereverTheBufferEnds(t *testing.T) {
	bad := append(Header{Type: 200, Stream: 7}.Append(nil), "what followed"...)
	for gap := range 2 * HeaderSize {
		first := readerSize - 2*HeaderSize - gap - MaxPayload
		wire := AppendData(nil, 1, make([]byte, MaxPayload), false)
		wire = AppendData(wire, 1, make([]byte, first), false)
		at := len(wire) // gap bytes before the end of the buffer
		r := NewReader(bytes.NewReader(append(wire, bad...)), Worker, MaxPayload)
		var err error
		for err == nil {
			_, _, err = r.Next()
		}
		var v *Violation
		if !errors.As(err, &v) {
			t.Fatalf("gap %d: got %v, want a violation", gap, err)
		}
		if v.Offset != int64(at) || v.Last.Length != first {
			t.Errorf("gap %d: at byte %d after %v, want byte %d", gap, v.Offset, v.Last, at)
		}
		if !bytes.HasPrefix(bad, v.Dump) || len(v.Dump) < HeaderSize {
			t.Errorf("gap %d: dump\n%s\nis not the start of\n%s", gap, HexDump(v.Dump), HexDump(bad))
		}
	}
}

func TestViolationOfAPayloadIsThatOfTheFrameReturnedLast(t *testing.T) {
	wire := AppendReady(nil)
	wire = append(Header{Type: TypePong, Length: 1}.Append(wire), 7)
	wire = append(wire, bytes.Repeat([]byte("x"), 300)...)
	r := NewReader(bytes.NewReader(wire), Worker, MaxPayload)
	for range 2 {
		if _, _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}

	v := r.Violation(ErrPayload)

	if !errors.Is(v, ErrPayload) || v.Offset != 14 || v.Last.Type != TypeReady {
		t.Errorf("got %v, want ErrPayload at byte 14 after READY", v)
	}
	if !bytes.Equal(v.Dump, wire[14:14+dumpSize]) {
		t.Errorf("dump is not the %d bytes from the frame on:\n%s", dumpSize, HexDump(v.Dump))
	}
}

func TestViolationOfAFrameThatWasCutOffHoldsWhatIsThere(t *testing.T) {
	for gap := range 2 * HeaderSize {
		first := readerSize - 2*HeaderSize - gap - MaxPayload
		wire := AppendData(nil, 1, make([]byte, MaxPayload), false)
		wire = AppendData(wire, 1, make([]byte, first), false)
		at := len(wire)
		wire = Header{Type: TypeData, Stream: 1, Length: MaxPayload}.Append(wire)
		wire = append(wire, "cut"...)
		r := NewReader(bytes.NewReader(wire), Worker, MaxPayload)
		var err error
		for err == nil {
			_, _, err = r.Next()
		}

		v := r.Violation(err)

		if err != io.ErrUnexpectedEOF || v.Offset != int64(at) || !bytes.Equal(v.Dump, wire[at:]) {
			t.Errorf("gap %d: %v with dump\n%s", gap, v, HexDump(v.Dump))
		}
	}
}
