package protocol

import (
	"encoding/binary"
	"fmt"
)

// Type says what a frame's payload is.
type Type uint8

// The types of PROTOCOL.md section 3. Unknown ones below 16 are ignored, unknown ones from 16 up are errors.
const (
	TypeHello  Type = 1
	TypeReady  Type = 2
	TypePing   Type = 3
	TypePong   Type = 4
	TypeGoAway Type = 5
	TypeLog    Type = 6

	TypeRequest  Type = 16
	TypeResponse Type = 17
	TypeData     Type = 18
	TypeWindow   Type = 19
	TypeCancel   Type = 20
	TypeError    Type = 21
)

// firstStreamType is the lowest type that an older peer may not ignore.
const firstStreamType Type = 16

// A Peer is one end of the pipes.
type Peer uint8

// The two peers: fwatchdog and a function process.
const (
	Host   Peer = 1
	Worker Peer = 2
)

// types says, for each type, its name on paper, who sends it, and which streams it may name.
var types = [...]struct {
	name          string
	sender        Peer // a set of bits
	control, flow bool // may name stream 0; may name a request's stream
}{
	TypeHello:    {"HELLO", Host | Worker, true, false},
	TypeReady:    {"READY", Worker, true, false},
	TypePing:     {"PING", Host, true, false},
	TypePong:     {"PONG", Worker, true, false},
	TypeGoAway:   {"GOAWAY", Host | Worker, true, false},
	TypeLog:      {"LOG", Worker, true, true},
	TypeRequest:  {"REQ", Host, false, true},
	TypeResponse: {"RESP", Worker, false, true},
	TypeData:     {"DATA", Host | Worker, false, true},
	TypeWindow:   {"WINDOW", Host | Worker, false, true},
	TypeCancel:   {"CANCEL", Host, false, true},
	TypeError:    {"ERROR", Worker, true, true},
}

// known reports whether this version defines t.
func (t Type) known() bool { return int(t) < len(types) && types[t].sender != 0 }

// String returns the name that PROTOCOL.md gives the type.
func (t Type) String() string {
	if t.known() {
		return types[t].name
	}
	return fmt.Sprintf("type %d", uint8(t))
}

const (
	magic0 = 0xFB
	magic1 = 0xF7
	// flagEnd marks the last frame of one direction of a stream.
	flagEnd = 1
)

// Header is what precedes a payload.
type Header struct {
	Type Type
	// End says that this is the last frame of its direction of the stream. It means something on REQ, RESP and
	// DATA; ERROR ends a stream by its type.
	End bool
	// Stream is 0 for control frames; the host numbers requests from 1 upward.
	Stream uint32
	// Length is the payload's size in bytes.
	Length int
}

// String returns the header as people read it: "DATA+END stream 7, 512 bytes".
func (h Header) String() string {
	end := ""
	if h.End {
		end = "+END"
	}
	return fmt.Sprintf("%s%s stream %d, %d bytes", h.Type, end, h.Stream, h.Length)
}

// Append appends the header's 12 bytes.
func (h Header) Append(dst []byte) []byte {
	flags := byte(0)
	if h.End {
		flags = flagEnd
	}
	dst = append(dst, magic0, magic1, byte(h.Type), flags)
	dst = binary.BigEndian.AppendUint32(dst, h.Stream)
	return binary.BigEndian.AppendUint32(dst, uint32(h.Length))
}

// parseHeader decodes the 12 bytes at the front of b, which from sent and which begin with the two magic ones, and checks all that a header alone can tell. limit is
// the largest payload that from may send. A header of an unknown type below 16 is returned without an error: the
// frame is to be ignored.
func parseHeader(b []byte, from Peer, limit int) (Header, error) {
	h := Header{
		Type:   Type(b[2]),
		End:    b[3]&flagEnd != 0,
		Stream: binary.BigEndian.Uint32(b[4:]),
	}
	length := binary.BigEndian.Uint32(b[8:])
	switch {
	case !h.Type.known() && h.Type >= firstStreamType:
		return h, fmt.Errorf("%w: %s is not known", ErrType, h.Type)
	case h.Type.known() && types[h.Type].sender&from == 0:
		return h, fmt.Errorf("%w: %s", ErrType, h.Type)
	case b[3]&^flagEnd != 0 && from == Worker: // a worker ignores them: a later host may set them
		return h, fmt.Errorf("%w: %#02x on %s", ErrFlags, b[3], h.Type)
	case length > uint32(limit):
		return h, fmt.Errorf("%w: %d bytes on %s, at most %d here", ErrLength, length, h.Type, limit)
	}
	h.Length = int(length)
	if h.Type.known() && (h.Stream == 0 && !types[h.Type].control || h.Stream != 0 && !types[h.Type].flow) {
		return h, fmt.Errorf("%w: %s on stream %d", ErrStream, h.Type, h.Stream)
	}
	return h, nil
}
