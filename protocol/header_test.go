package protocol

import (
	"bytes"
	"errors"
	"testing"
)

func TestEveryKnownTypeHasANameASenderAndAStream(t *testing.T) {
	known := 0
	for id := range types {
		typ := Type(id)
		if !typ.known() {
			continue
		}
		known++
		rule := types[typ]
		if rule.name == "" || typ.String() != rule.name {
			t.Errorf("type %d is called %q", id, typ)
		}
		if !rule.control && !rule.flow {
			t.Errorf("%s may name no stream at all", typ)
		}
		if typ >= firstStreamType && !rule.flow || typ < firstStreamType && !rule.control {
			t.Errorf("%s is on the wrong side of %d", typ, firstStreamType)
		}
	}
	if known != 12 {
		t.Errorf("%d types are known, the protocol has 12", known)
	}
}

func TestHeaderReadsAsPeopleSayIt(t *testing.T) {
	tests := []struct {
		header Header
		want   string
	}{
		{Header{Type: TypeData, End: true, Stream: 7, Length: 512}, "DATA+END stream 7, 512 bytes"},
		{Header{Type: TypePing, Length: 8}, "PING stream 0, 8 bytes"},
		{Header{Type: 22, Stream: 1}, "type 22 stream 1, 0 bytes"},
		{Header{}, "type 0 stream 0, 0 bytes"},
	}
	for _, tt := range tests {
		if got := tt.header.String(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestHeaderIsTwelveBytesBehindWhatWasThere(t *testing.T) {
	got := Header{Type: TypeData, End: true, Stream: 0x01020304, Length: 0x00010000}.Append([]byte("before"))
	want := []byte("before\xfb\xf7\x12\x01\x01\x02\x03\x04\x00\x01\x00\x00")
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", HexDump(got), HexDump(want))
	}
}

// A peer may only send what the table of PROTOCOL.md section 3 lets it send, and only on the streams given there.
func TestHeaderIsJudgedBySenderAndStream(t *testing.T) {
	const none, zero, flow, both = 0, 1, 2, 3
	streams := map[Type]struct{ host, worker int }{
		TypeHello: {zero, zero}, TypeReady: {none, zero}, TypePing: {zero, none}, TypePong: {none, zero},
		TypeGoAway: {zero, zero}, TypeLog: {none, both}, TypeRequest: {flow, none}, TypeResponse: {none, flow},
		TypeData: {flow, flow}, TypeWindow: {flow, flow}, TypeCancel: {flow, none}, TypeError: {none, both},
	}
	for typ, allowed := range streams {
		for from, may := range map[Peer]int{Host: allowed.host, Worker: allowed.worker} {
			for stream, bit := range map[uint32]int{0: zero, 1: flow, 1<<32 - 1: flow} {
				_, err := parseHeader(Header{Type: typ, Stream: stream}.Append(nil), from, MaxPayload)
				want := error(nil)
				switch {
				case may == none:
					want = ErrType
				case may&bit == 0:
					want = ErrStream
				}
				if !errors.Is(err, want) {
					t.Errorf("%s from %d on stream %d: got %v, want %v", typ, from, stream, err, want)
				}
			}
		}
	}
}

func TestHeaderWithSeveralFaultsIsJudgedInOrder(t *testing.T) {
	tests := []struct {
		name   string
		header string
		want   error
	}{
		{"type before flags", "\xfb\xf7\x16\x02\x00\x00\x00\x00\xff\xff\xff\xff", ErrType},
		{"flags before length", "\xfb\xf7\x12\x02\x00\x00\x00\x00\xff\xff\xff\xff", ErrFlags},
		{"length before stream", "\xfb\xf7\x12\x00\x00\x00\x00\x00\xff\xff\xff\xff", ErrLength},
		{"stream last", "\xfb\xf7\x12\x00\x00\x00\x00\x00\x00\x00\x00\x00", ErrStream},
		{"flags of a type that is ignored", "\xfb\xf7\x07\x02\x00\x00\x00\x00\x00\x00\x00\x00", ErrFlags},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := parseHeader([]byte(tt.header), Worker, MaxPayload); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}
