package protocol

import (
	"encoding/binary"
	"fmt"
)

// Request is a decoded REQ. Its slices are views of the payload.
type Request struct {
	// TimeoutMs is the time that is left for the request in milliseconds; 0 when there is no limit.
	TimeoutMs uint32
	// Method and Target are as received: the target is path and query, not decoded.
	Method, Target []byte
	// Headers have lower-case keys; a repeated header is a repeated pair.
	Headers Pairs
	// Body is the part of the body that came in the same frame: all of it when the frame has END.
	Body []byte
}

// Response is a decoded RESP. Its slices are views of the payload.
type Response struct {
	// Status is a final HTTP status: 200 to 999.
	Status int
	// Headers have lower-case keys; a repeated header is a repeated pair.
	Headers Pairs
	// Body is the part of the body that came in the same frame: all of it when the frame has END.
	Body []byte
}

const (
	minStatus = 200
	maxStatus = 999
)

// A Builder appends a REQ or RESP piece by piece: BeginRequest or BeginResponse, Pair for every header, End.
type Builder struct {
	dst   []byte
	at    int // where the frame starts in dst
	pairs int // where the count of the pairs stands in dst
	count int
	limit int // of the payload
	err   error
}

// BeginRequest begins a REQ on a stream, appending to dst.
func BeginRequest(dst []byte, stream uint32, timeoutMs uint32, method, target []byte) Builder {
	b := begin(dst, Header{Type: TypeRequest, Stream: stream}, MaxPayload)
	if len(method) > maxString || len(target) > maxString {
		b.err = ErrHeadTooLarge
		return b
	}
	b.dst = binary.BigEndian.AppendUint32(b.dst, timeoutMs)
	b.dst = appendString(b.dst, method)
	b.dst = appendString(b.dst, target)
	b.beginPairs()
	return b
}

// BeginResponse begins a RESP on a stream, appending to dst. limit is the largest payload that the sender may send.
// The status must be in 200 to 999.
func BeginResponse(dst []byte, stream uint32, status int, limit int) Builder {
	b := begin(dst, Header{Type: TypeResponse, Stream: stream}, limit)
	b.dst = binary.BigEndian.AppendUint16(b.dst, uint16(status))
	b.beginPairs()
	return b
}

func begin(dst []byte, h Header, limit int) Builder {
	at := len(dst)
	dst = h.Append(dst)
	return Builder{dst: append(dst, 0, 0, 0, 0), at: at, limit: limit}
}

func (b *Builder) beginPairs() {
	b.pairs = len(b.dst)
	b.dst = append(b.dst, 0, 0)
}

// Pair adds a header. The key is written in lower case.
func (b *Builder) Pair(key, value []byte) {
	if len(key) > maxString || len(value) > maxString || b.Room() < 0 {
		b.err = ErrHeadTooLarge
	}
	if b.err != nil {
		return
	}
	b.count++
	b.dst = binary.BigEndian.AppendUint16(b.dst, uint16(len(key)))
	b.dst = appendLower(b.dst, key)
	b.dst = appendString(b.dst, value)
}

// Room returns how many bytes of body the frame can still take; it is negative when the head is too large already.
func (b *Builder) Room() int { return b.limit - (len(b.dst) - b.at - HeaderSize) }

// End completes the frame with a body, which must fit Room, and returns the slice that it was appended to. last says
// that no DATA will follow. When the head does not fit one frame, the slice is returned as it was at the beginning, with
// ErrHeadTooLarge.
func (b *Builder) End(body []byte, last bool) ([]byte, error) {
	if b.err == nil && b.Room() < len(body) {
		b.err = ErrHeadTooLarge
	}
	if b.err != nil {
		return b.dst[:b.at], b.err
	}
	meta := b.at + HeaderSize
	binary.BigEndian.PutUint32(b.dst[meta:], uint32(len(b.dst)-meta-4))
	binary.BigEndian.PutUint16(b.dst[b.pairs:], uint16(b.count))
	if last {
		b.dst[b.at+3] = flagEnd
	}
	return setLength(append(b.dst, body...), b.at), nil
}

// ParseRequest decodes the payload of REQ.
func ParseRequest(payload []byte) (Request, error) {
	meta, body, ok := cutMeta(payload)
	if !ok || len(meta) < 4 {
		return Request{}, fmt.Errorf("%w: the length of REQ's meta", ErrPayload)
	}
	r := Request{TimeoutMs: binary.BigEndian.Uint32(meta), Body: body}
	var rest []byte
	if r.Method, rest, ok = cutString(meta[4:]); ok {
		if r.Target, rest, ok = cutString(rest); ok {
			r.Headers, _, ok = parsePairs(rest) // what follows, a later version has appended
		}
	}
	if !ok {
		return Request{}, fmt.Errorf("%w: the meta of REQ", ErrPayload)
	}
	return r, nil
}

// ParseResponse decodes the payload of RESP.
func ParseResponse(payload []byte) (Response, error) {
	meta, body, ok := cutMeta(payload)
	if !ok || len(meta) < 2 {
		return Response{}, fmt.Errorf("%w: the length of RESP's meta", ErrPayload)
	}
	r := Response{Status: int(binary.BigEndian.Uint16(meta)), Body: body}
	if r.Status < minStatus || r.Status > maxStatus {
		return Response{}, fmt.Errorf("%w: status %d in RESP", ErrPayload, r.Status)
	}
	if r.Headers, _, ok = parsePairs(meta[2:]); !ok { // what follows, a later version has appended
		return Response{}, fmt.Errorf("%w: the headers of RESP", ErrPayload)
	}
	return r, nil
}

// cutMeta splits the payload of REQ and RESP: u32 length, meta, body.
func cutMeta(payload []byte) (meta, body []byte, ok bool) {
	if len(payload) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(payload)
	if n > uint32(len(payload)-4) {
		return nil, nil, false
	}
	return payload[4 : 4+n], payload[4+n:], true
}
