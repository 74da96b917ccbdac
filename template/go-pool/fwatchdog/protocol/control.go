package protocol

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// AppendPing appends a PING with a number that the PONG must repeat.
func AppendPing(dst []byte, nonce uint64) []byte { return appendNonce(dst, TypePing, nonce) }

// AppendPong appends the PONG to a PING.
func AppendPong(dst []byte, nonce uint64) []byte { return appendNonce(dst, TypePong, nonce) }

func appendNonce(dst []byte, t Type, nonce uint64) []byte {
	dst = Header{Type: t, Length: 8}.Append(dst)
	return binary.BigEndian.AppendUint64(dst, nonce)
}

// ParseNonce decodes the payload of PING and PONG.
func ParseNonce(payload []byte) (uint64, error) {
	if len(payload) != 8 {
		return 0, fmt.Errorf("%w: PING or PONG of %d bytes", ErrPayload, len(payload))
	}
	return binary.BigEndian.Uint64(payload), nil
}

// AppendGoAway appends a GOAWAY with a reason in words. The payload of GOAWAY is the reason.
func AppendGoAway(dst []byte, reason string) []byte {
	reason = cutText(reason, MaxSharedPayload)
	dst = Header{Type: TypeGoAway, Length: len(reason)}.Append(dst)
	return append(dst, reason...)
}

// Level is how much a log line matters.
type Level uint8

// The levels of LOG.
const (
	LevelDebug Level = 0
	LevelInfo  Level = 1
	LevelWarn  Level = 2
	LevelError Level = 3
)

// AppendLog appends a text as one or more LOG frames, cut at character borders. limit is the largest payload that the
// sender may send: MaxPayload or MaxSharedPayload. Stream is 0 when the text belongs to no request.
func AppendLog(dst []byte, stream uint32, level Level, text string, limit int) []byte {
	for {
		piece := cutText(text, limit-1)
		dst = Header{Type: TypeLog, Stream: stream, Length: 1 + len(piece)}.Append(dst)
		dst = append(append(dst, byte(level)), piece...)
		if text = text[len(piece):]; text == "" {
			return dst
		}
	}
}

// ParseLog decodes the payload of LOG. An unknown level is taken for an error, so that it is not overlooked.
func ParseLog(payload []byte) (Level, []byte, error) {
	if len(payload) == 0 {
		return 0, nil, fmt.Errorf("%w: LOG without a level", ErrPayload)
	}
	return min(Level(payload[0]), LevelError), payload[1:], nil
}

// AppendData appends a DATA frame; body may hold at most MaxPayload bytes.
func AppendData(dst []byte, stream uint32, body []byte, end bool) []byte {
	dst = Header{Type: TypeData, End: end, Stream: stream, Length: len(body)}.Append(dst)
	return append(dst, body...)
}

// AppendWindow appends a WINDOW that allows the other side as many more bytes of DATA.
func AppendWindow(dst []byte, stream uint32, bytes uint32) []byte {
	dst = Header{Type: TypeWindow, Stream: stream, Length: 4}.Append(dst)
	return binary.BigEndian.AppendUint32(dst, bytes)
}

// ParseWindow decodes the payload of WINDOW: bytes.
func ParseWindow(payload []byte) (uint32, error) {
	if len(payload) != 4 {
		return 0, fmt.Errorf("%w: WINDOW of %d bytes", ErrPayload, len(payload))
	}
	return binary.BigEndian.Uint32(payload), nil
}

// CancelReason says why the host no longer wants a response.
type CancelReason uint8

// The reasons of CANCEL.
const (
	CancelDeadline   CancelReason = 1
	CancelClientGone CancelReason = 2
	CancelHostStops  CancelReason = 3
)

// AppendCancel appends a CANCEL.
func AppendCancel(dst []byte, stream uint32, reason CancelReason) []byte {
	dst = Header{Type: TypeCancel, Stream: stream, Length: 1}.Append(dst)
	return append(dst, byte(reason))
}

// ParseCancel decodes the payload of CANCEL.
func ParseCancel(payload []byte) (CancelReason, error) {
	if len(payload) != 1 {
		return 0, fmt.Errorf("%w: CANCEL of %d bytes", ErrPayload, len(payload))
	}
	return CancelReason(payload[0]), nil
}

// ErrorCode says what kind of failure an ERROR reports.
type ErrorCode uint16

// The codes of ERROR.
const (
	CodeInit       ErrorCode = 1
	CodeCancelled  ErrorCode = 2
	CodeRaised     ErrorCode = 3
	CodeNotStarted ErrorCode = 4
	CodeBadRequest ErrorCode = 5
	CodeProtocol   ErrorCode = 6
)

// AppendError appends an ERROR. The first line of text is the message; all of it is cut at a character border to what
// limit, the largest payload that the sender may send, leaves.
func AppendError(dst []byte, stream uint32, code ErrorCode, text string, limit int) []byte {
	text = cutText(text, limit-2)
	dst = Header{Type: TypeError, End: stream != 0, Stream: stream, Length: 2 + len(text)}.Append(dst)
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	return append(dst, text...)
}

// ParseError decodes the payload of ERROR.
func ParseError(payload []byte) (ErrorCode, []byte, error) {
	if len(payload) < 2 {
		return 0, nil, fmt.Errorf("%w: ERROR of %d bytes", ErrPayload, len(payload))
	}
	return ErrorCode(binary.BigEndian.Uint16(payload)), payload[2:], nil
}

// cutText returns the longest start of text that has at most limit bytes and does not end inside a character.
func cutText(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	cut := limit
	for cut > limit-(utf8.UTFMax-1) && cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	if !utf8.RuneStart(text[cut]) { // not UTF-8 at all: a border is not to be had
		cut = limit
	}
	return text[:cut]
}
