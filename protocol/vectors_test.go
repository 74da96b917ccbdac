package protocol

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// vectors is testdata/vectors.json, whose format sdk/CONFORMANCE.md describes.
type vectors struct {
	Frames []map[string]any
	Bad    []struct {
		Name, From, Hex, Error string
		Shared                 bool
	}
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	numbers := json.NewDecoder(bytes.NewReader(text))
	numbers.UseNumber() // a nonce or a window must not go through a float
	if err := numbers.Decode(&v); err != nil {
		t.Fatal(err)
	}
	if len(v.Frames)+len(v.Bad) < 60 {
		t.Fatalf("%d frames and %d bad ones, want at least 60 in all", len(v.Frames), len(v.Bad))
	}
	return v
}

func TestEveryVectorDecodesToItsMeaning(t *testing.T) {
	for _, want := range readVectors(t).Frames {
		t.Run(want["name"].(string), func(t *testing.T) {
			wire := unhex(t, want["hex"].(string))
			r := NewReader(bytes.NewReader(wire), peer(want["from"]), MaxPayload)
			h, payload, err := r.Next()

			if want["ignored"] == true {
				if err != io.EOF {
					t.Fatalf("got %v, %v, want the frame ignored up to the end", h, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := meaning(h, payload)
			if err != nil {
				t.Fatal(err)
			}
			for _, about := range []string{"name", "from", "hex", "lossy"} { // the vector, not the frame
				delete(want, about)
			}
			if diff := cmp.Diff(asJSON(t, want), asJSON(t, got)); diff != "" {
				t.Errorf("decoded meaning (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryVectorThatIsNotLossyEncodesToItsBytes(t *testing.T) {
	for _, v := range readVectors(t).Frames {
		if v["lossy"] == true || v["ignored"] == true {
			continue
		}
		t.Run(v["name"].(string), func(t *testing.T) {
			wire := unhex(t, v["hex"].(string))
			r := NewReader(bytes.NewReader(wire), peer(v["from"]), MaxPayload)
			h, payload, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			got, err := encode(h, payload)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, wire) {
				t.Errorf("encoded:\n%s\nwant:\n%s", HexDump(got), HexDump(wire))
			}
		})
	}
}

func TestEveryBadVectorIsRefusedForItsReason(t *testing.T) {
	reasons := map[string]error{
		"magic": ErrMagic, "type": ErrType, "flags": ErrFlags,
		"length": ErrLength, "stream": ErrStream, "payload": ErrPayload,
	}
	for _, v := range readVectors(t).Bad {
		t.Run(v.Name, func(t *testing.T) {
			limit := MaxPayload
			if v.Shared {
				limit = MaxSharedPayload
			}
			r := NewReader(bytes.NewReader(unhex(t, v.Hex)), peer(v.From), limit)
			h, payload, err := r.Next()
			if err == nil {
				_, err = meaning(h, payload)
			}
			if want := reasons[v.Error]; want == nil || !errors.Is(err, want) {
				t.Errorf("got %v, want %s", err, v.Error)
			}
		})
	}
}

// meaning decodes a payload into the words of the vectors.
func meaning(h Header, payload []byte) (map[string]any, error) {
	m := map[string]any{"type": h.Type.String(), "end": h.End, "stream": h.Stream}
	switch h.Type {
	case TypeHello:
		hello, err := ParseHello(payload)
		m["min"], m["max"], m["pairs"] = hello.Min, hello.Max, list(hello.Pairs)
		return m, err
	case TypeReady:
		pairs, err := ParseReady(payload)
		m["pairs"] = list(pairs)
		return m, err
	case TypePing, TypePong:
		nonce, err := ParseNonce(payload)
		m["nonce"] = fmt.Sprintf("%016x", nonce)
		return m, err
	case TypeGoAway:
		m["reason"] = string(payload)
		return m, nil
	case TypeLog:
		level, text, err := ParseLog(payload)
		m["level"], m["text"] = level, string(text)
		return m, err
	case TypeRequest:
		q, err := ParseRequest(payload)
		m["timeoutMs"], m["method"], m["target"] = q.TimeoutMs, latin1(q.Method), latin1(q.Target)
		m["headers"], m["body"] = list(q.Headers), hex.EncodeToString(q.Body)
		return m, err
	case TypeResponse:
		p, err := ParseResponse(payload)
		m["status"], m["headers"], m["body"] = p.Status, list(p.Headers), hex.EncodeToString(p.Body)
		return m, err
	case TypeData:
		m["body"] = hex.EncodeToString(payload)
		return m, nil
	case TypeWindow:
		bytes, err := ParseWindow(payload)
		m["bytes"] = bytes
		return m, err
	case TypeCancel:
		reason, err := ParseCancel(payload)
		m["reason"] = reason
		return m, err
	case TypeError:
		code, text, err := ParseError(payload)
		m["code"], m["text"] = code, string(text)
		return m, err
	}
	return nil, fmt.Errorf("no meaning for %s", h)
}

// encode decodes a payload and encodes what it found once more.
func encode(h Header, payload []byte) ([]byte, error) {
	switch h.Type {
	case TypeHello:
		hello, err := ParseHello(payload)
		wire := AppendHello(nil, flat(hello.Pairs)...)
		wire[HeaderSize+1], wire[HeaderSize+3] = byte(hello.Min), byte(hello.Max)
		wire[HeaderSize], wire[HeaderSize+2] = byte(hello.Min>>8), byte(hello.Max>>8)
		return wire, err
	case TypeReady:
		pairs, err := ParseReady(payload)
		wire := AppendReady(nil)[:HeaderSize]
		return setLength(appendPairs(wire, flat(pairs)), 0), err
	case TypePing:
		nonce, err := ParseNonce(payload)
		return AppendPing(nil, nonce), err
	case TypePong:
		nonce, err := ParseNonce(payload)
		return AppendPong(nil, nonce), err
	case TypeGoAway:
		return AppendGoAway(nil, string(payload)), nil
	case TypeLog:
		level, text, err := ParseLog(payload)
		return AppendLog(nil, h.Stream, level, string(text), MaxPayload), err
	case TypeRequest:
		q, err := ParseRequest(payload)
		if err != nil {
			return nil, err
		}
		b := BeginRequest(nil, h.Stream, q.TimeoutMs, q.Method, q.Target)
		for key, value := range q.Headers.All() {
			b.Pair(key, value)
		}
		return b.End(q.Body, h.End)
	case TypeResponse:
		p, err := ParseResponse(payload)
		if err != nil {
			return nil, err
		}
		b := BeginResponse(nil, h.Stream, p.Status, MaxPayload)
		for key, value := range p.Headers.All() {
			b.Pair(key, value)
		}
		return b.End(p.Body, h.End)
	case TypeData:
		return AppendData(nil, h.Stream, payload, h.End), nil
	case TypeWindow:
		bytes, err := ParseWindow(payload)
		return AppendWindow(nil, h.Stream, bytes), err
	case TypeCancel:
		reason, err := ParseCancel(payload)
		return AppendCancel(nil, h.Stream, reason), err
	case TypeError:
		code, text, err := ParseError(payload)
		return AppendError(nil, h.Stream, code, string(text), MaxPayload), err
	}
	return nil, fmt.Errorf("no encoder for %s", h)
}

func list(p Pairs) [][2]string {
	all := make([][2]string, 0, p.Len())
	for key, value := range p.All() {
		all = append(all, [2]string{latin1(key), latin1(value)})
	}
	return all
}

func flat(p Pairs) []string {
	all := make([]string, 0, 2*p.Len())
	for key, value := range p.All() {
		all = append(all, string(key), string(value))
	}
	return all
}

// latin1 writes one character for every byte.
func latin1(b []byte) string {
	var out strings.Builder
	for _, c := range b {
		out.WriteRune(rune(c))
	}
	return out.String()
}

func peer(name any) Peer {
	if name == "host" {
		return Host
	}
	return Worker
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	wire, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

// asJSON brings numbers of all kinds to the one that JSON has.
func asJSON(t testing.TB, v any) any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	numbers := json.NewDecoder(bytes.NewReader(text))
	numbers.UseNumber()
	if err := numbers.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}
