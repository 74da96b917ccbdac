package protocol

import (
	"encoding/binary"
	"iter"
)

// Pairs is a list of keys and values as it stands in a payload: u16 count, then count times (str key, str value). It
// is a view: valid as long as the payload it was parsed from. The zero value is an empty list.
type Pairs struct {
	count   int
	entries []byte
}

// Len returns how many pairs there are.
func (p Pairs) Len() int { return p.count }

// All visits the pairs in order. Keys and values are views of the payload.
func (p Pairs) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		for rest := p.entries; len(rest) > 0; {
			var key, value []byte
			key, rest, _ = cutString(rest) // parsePairs has seen that these hold
			value, rest, _ = cutString(rest)
			if !yield(key, value) {
				return
			}
		}
	}
}

// Get returns the value of the first pair with this key, and whether there is one.
func (p Pairs) Get(key string) (string, bool) {
	for k, v := range p.All() {
		if string(k) == key {
			return string(v), true
		}
	}
	return "", false
}

// parsePairs takes a list of pairs off the front of b and returns what follows it.
func parsePairs(b []byte) (p Pairs, rest []byte, ok bool) {
	if len(b) < 2 {
		return Pairs{}, nil, false
	}
	p.count = int(binary.BigEndian.Uint16(b))
	rest = b[2:]
	for range 2 * p.count {
		if _, rest, ok = cutString(rest); !ok {
			return Pairs{}, nil, false
		}
	}
	p.entries = b[2 : len(b)-len(rest)]
	return p, rest, true
}

// cutString takes a u16 length and as many bytes off the front of b.
func cutString(b []byte) (s, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < 2+n {
		return nil, nil, false
	}
	return b[2 : 2+n : 2+n], b[2+n:], true
}

// maxString is the longest string that a u16 length can announce, in bytes.
const maxString = 1<<16 - 1

func appendString[T string | []byte](dst []byte, s T) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(s)))
	return append(dst, s...)
}

// appendPairs appends a list of keys and values that take turns: key, value, key, value.
func appendPairs(dst []byte, keysAndValues []string) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(keysAndValues)/2))
	for _, s := range keysAndValues {
		dst = appendString(dst, s)
	}
	return dst
}

// appendLower appends ASCII letters in lower case and all other bytes as they are: the keys of headers are lower case
// on the wire.
func appendLower(dst, s []byte) []byte {
	at := len(dst)
	dst = append(dst, s...)
	for i, c := range dst[at:] {
		if 'A' <= c && c <= 'Z' {
			dst[at+i] = c + 'a' - 'A'
		}
	}
	return dst
}
