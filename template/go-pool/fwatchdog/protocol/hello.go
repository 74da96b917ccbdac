package protocol

import (
	"encoding/binary"
	"fmt"
)

// Hello is the first frame of each side (PROTOCOL.md section 4).
type Hello struct {
	// Min and Max are the range of versions that the sender speaks.
	Min, Max uint16
	// Pairs say who the sender is and what it can do.
	Pairs Pairs
}

// AppendHello appends a HELLO that offers the versions of this package. The arguments after dst are keys and values
// that take turns.
func AppendHello(dst []byte, keysAndValues ...string) []byte {
	at := len(dst)
	dst = Header{Type: TypeHello}.Append(dst)
	dst = binary.BigEndian.AppendUint16(dst, MinVersion)
	dst = binary.BigEndian.AppendUint16(dst, Version)
	return setLength(appendPairs(dst, keysAndValues), at)
}

// ParseHello decodes the payload of HELLO.
func ParseHello(payload []byte) (Hello, error) {
	if len(payload) < 4 {
		return Hello{}, fmt.Errorf("%w: HELLO of %d bytes", ErrPayload, len(payload))
	}
	h := Hello{Min: binary.BigEndian.Uint16(payload), Max: binary.BigEndian.Uint16(payload[2:])}
	if h.Min > h.Max {
		return Hello{}, fmt.Errorf("%w: HELLO with versions %d to %d", ErrPayload, h.Min, h.Max)
	}
	pairs, rest, ok := parsePairs(payload[4:])
	if !ok || len(rest) > 0 {
		return Hello{}, fmt.Errorf("%w: the pairs of HELLO", ErrPayload)
	}
	h.Pairs = pairs
	return h, nil
}

// Common returns the highest version that both h's sender and this package speak. When there is none, the error names
// both ranges.
func (h Hello) Common() (uint16, error) {
	if h.Min > Version || h.Max < MinVersion {
		return 0, fmt.Errorf("protocol: no common version: the other side speaks %d to %d, this side %d to %d",
			h.Min, h.Max, MinVersion, Version)
	}
	return min(h.Max, Version), nil
}

// AppendReady appends a READY without pairs.
func AppendReady(dst []byte) []byte {
	at := len(dst)
	dst = Header{Type: TypeReady}.Append(dst)
	return setLength(appendPairs(dst, nil), at)
}

// ParseReady decodes the payload of READY. An empty payload is an empty list.
func ParseReady(payload []byte) (Pairs, error) {
	if len(payload) == 0 {
		return Pairs{}, nil
	}
	pairs, rest, ok := parsePairs(payload)
	if !ok || len(rest) > 0 {
		return Pairs{}, fmt.Errorf("%w: the pairs of READY", ErrPayload)
	}
	return pairs, nil
}

// setLength writes the length of the payload into the header that stands at dst[at:], once the payload is there.
func setLength(dst []byte, at int) []byte {
	binary.BigEndian.PutUint32(dst[at+8:], uint32(len(dst)-at-HeaderSize))
	return dst
}
