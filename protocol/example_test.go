package protocol_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"fwatchdog/protocol"
)

func ExampleNewReader() {
	pipe := strings.NewReader("listening\n" + string(protocol.AppendReady(nil)))
	r := protocol.NewReader(pipe, protocol.Worker, protocol.MaxSharedPayload)
	r.Stray = func(text []byte) { fmt.Printf("stray text %q\n", text) }
	for {
		header, _, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(header)
	}
	// Output:
	// stray text "listening\n"
	// READY stream 0, 2 bytes
}

func ExampleReader_Violation() {
	short := append(protocol.Header{Type: protocol.TypePong, Length: 3}.Append(nil), "abc"...)
	r := protocol.NewReader(bytes.NewReader(short), protocol.Worker, protocol.MaxPayload)
	_, payload, _ := r.Next()
	if _, err := protocol.ParseNonce(payload); err != nil {
		v := r.Violation(err)
		fmt.Println(v)
		fmt.Println(protocol.HexDump(v.Dump))
	}
	// Output:
	// protocol: malformed payload: PING or PONG of 3 bytes at byte 0, as the first frame
	// 00000000  fb f7 04 00 00 00 00 00 00 00 00 03 61 62 63     |............abc|
}

func ExampleHeader_Append() {
	fmt.Println(protocol.HexDump(protocol.Header{Type: protocol.TypeGoAway}.Append(nil)))
	// Output:
	// 00000000  fb f7 05 00 00 00 00 00 00 00 00 00              |............|
}

func ExampleBeginRequest() {
	b := protocol.BeginRequest(nil, 1, 30000, []byte("POST"), []byte("/hello?to=you"))
	b.Pair([]byte("Host"), []byte("example.com"))
	frame, err := b.End([]byte("good morning"), true)
	if err != nil {
		fmt.Println(err)
		return
	}

	request, err := protocol.ParseRequest(frame[protocol.HeaderSize:])
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s %s, %d ms\n", request.Method, request.Target, request.TimeoutMs)
	for key, value := range request.Headers.All() {
		fmt.Printf("%s: %s\n", key, value)
	}
	fmt.Printf("%s\n", request.Body)
	// Output:
	// POST /hello?to=you, 30000 ms
	// host: example.com
	// good morning
}

func ExampleBeginResponse() {
	b := protocol.BeginResponse(nil, 1, 200, protocol.MaxSharedPayload)
	b.Pair([]byte("Content-Type"), []byte("text/plain"))
	body := strings.Repeat("x", 5000)
	inline := body[:b.Room()]
	frames, err := b.End([]byte(inline), false)
	if err != nil {
		fmt.Println(err)
		return
	}
	frames = protocol.AppendData(frames, 1, []byte(body[len(inline):]), true)

	r := protocol.NewReader(bytes.NewReader(frames), protocol.Worker, protocol.MaxSharedPayload)
	header, payload, _ := r.Next()
	response, _ := protocol.ParseResponse(payload)
	contentType, _ := response.Headers.Get("content-type")
	fmt.Println(header.Type, response.Status, contentType, len(response.Body))
	header, payload, _ = r.Next()
	fmt.Println(header.Type, header.End, len(payload))
	// Output:
	// RESP 200 text/plain 4050
	// DATA true 950
}

func ExampleBuilder_End() {
	b := protocol.BeginResponse(nil, 1, 200, protocol.MaxSharedPayload)
	b.Pair([]byte("x-big"), make([]byte, 5000))
	_, err := b.End(nil, true)
	fmt.Println(errors.Is(err, protocol.ErrHeadTooLarge))
	// Output: true
}

func ExampleParseHello() {
	frame := protocol.AppendHello(nil, "sdk", "go", "concurrency", "256")
	hello, err := protocol.ParseHello(frame[protocol.HeaderSize:])
	if err != nil {
		fmt.Println(err)
		return
	}
	concurrency, _ := hello.Pairs.Get("concurrency")
	version, err := hello.Common()
	fmt.Println(version, err, concurrency)
	// Output: 1 <nil> 256
}

func ExampleHello_Common() {
	_, err := protocol.Hello{Min: 2, Max: 3}.Common()
	fmt.Println(err)
	// Output: protocol: no common version: the other side speaks 2 to 3, this side 1 to 1
}

func ExampleParseReady() {
	pairs, err := protocol.ParseReady(protocol.AppendReady(nil)[protocol.HeaderSize:])
	fmt.Println(pairs.Len(), err)
	// Output: 0 <nil>
}

func ExampleParseNonce() {
	ping := protocol.AppendPing(nil, 42)
	nonce, err := protocol.ParseNonce(ping[protocol.HeaderSize:])
	pong := protocol.AppendPong(nil, nonce)
	fmt.Println(nonce, err, len(pong))
	// Output: 42 <nil> 20
}

func ExampleAppendGoAway() {
	fmt.Printf("%s\n", protocol.AppendGoAway(nil, "max_age")[protocol.HeaderSize:])
	// Output: max_age
}

func ExampleParseLog() {
	frame := protocol.AppendLog(nil, 7, protocol.LevelWarn, "almost full", protocol.MaxPayload)
	level, text, err := protocol.ParseLog(frame[protocol.HeaderSize:])
	fmt.Println(level == protocol.LevelWarn, string(text), err)
	// Output: true almost full <nil>
}

func ExampleAppendData() {
	fmt.Println(protocol.HexDump(protocol.AppendData(nil, 7, []byte("end"), true)))
	// Output:
	// 00000000  fb f7 12 01 00 00 00 07 00 00 00 03 65 6e 64     |............end|
}

func ExampleParseWindow() {
	frame := protocol.AppendWindow(nil, 7, protocol.DefaultWindow/2)
	fmt.Println(protocol.ParseWindow(frame[protocol.HeaderSize:]))
	// Output: 131072 <nil>
}

func ExampleParseCancel() {
	frame := protocol.AppendCancel(nil, 7, protocol.CancelClientGone)
	reason, err := protocol.ParseCancel(frame[protocol.HeaderSize:])
	fmt.Println(reason == protocol.CancelClientGone, err)
	// Output: true <nil>
}

func ExampleParseError() {
	frame := protocol.AppendError(nil, 7, protocol.CodeRaised, "boom\nmain.go:12", protocol.MaxPayload)
	code, text, err := protocol.ParseError(frame[protocol.HeaderSize:])
	message, stack, _ := bytes.Cut(text, []byte("\n"))
	fmt.Printf("%d %s (%s) %v\n", code, message, stack, err)
	// Output: 3 boom (main.go:12) <nil>
}
