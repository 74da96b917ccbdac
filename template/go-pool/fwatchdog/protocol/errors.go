package protocol

import (
	"errors"
	"fmt"
	"strings"
)

// The ways in which a frame can be wrong. Every error of a decoder wraps one of them.
var (
	// ErrMagic says that the second byte of a frame is not 0xF7, or that something other than a frame came where
	// only frames may come.
	ErrMagic = errors.New("protocol: not the start of a frame")
	// ErrType says that the type is unknown (16 and up) or not one that this side sends.
	ErrType = errors.New("protocol: frame type not allowed here")
	// ErrFlags says that a flag is set that this version does not define.
	ErrFlags = errors.New("protocol: unknown flag")
	// ErrLength says that the payload is larger than this sender may send.
	ErrLength = errors.New("protocol: payload too large")
	// ErrStream says that a control frame names a stream, or a stream's frame does not.
	ErrStream = errors.New("protocol: wrong stream for this type")
	// ErrPayload says that the payload does not hold what its type demands.
	ErrPayload = errors.New("protocol: malformed payload")
	// ErrHeadTooLarge says that the head of a message does not fit one frame. Nothing was appended.
	ErrHeadTooLarge = errors.New("protocol: head does not fit one frame")
)

// A Violation is an error of the other side after which no byte of its pipe can be trusted, with what is needed to
// find its cause (PROTOCOL.md section 7).
type Violation struct {
	// Err is what was wrong.
	Err error
	// Offset counts the bytes of the pipe before the frame that was wrong.
	Offset int64
	// Last is the header of the last good frame; its Type is 0 when there was none.
	Last Header
	// Dump holds up to 256 bytes from Offset on.
	Dump []byte
}

// Error says what was wrong, where, and after what.
func (v *Violation) Error() string {
	after := "as the first frame"
	if v.Last.Type != 0 {
		after = "after " + v.Last.String()
	}
	return fmt.Sprintf("%v at byte %d, %s", v.Err, v.Offset, after)
}

// Unwrap returns what was wrong.
func (v *Violation) Unwrap() error { return v.Err }

// dumpSize is how much of the pipe a diagnosis shows, in bytes.
const dumpSize = 256

// HexDump formats bytes as `hexdump -C` does, 16 a line, without a last newline.
func HexDump(b []byte) string {
	var out strings.Builder
	for at := 0; at < len(b); at += 16 {
		row := b[at:min(at+16, len(b))]
		if at > 0 {
			out.WriteByte('\n')
		}
		fmt.Fprintf(&out, "%08x  %-47s  |%s|", at, fmt.Sprintf("% x", row), printable(row))
	}
	return out.String()
}

func printable(b []byte) string {
	text := make([]byte, len(b))
	for i, c := range b {
		if c < 0x20 || c > 0x7e {
			c = '.'
		}
		text[i] = c
	}
	return string(text)
}
