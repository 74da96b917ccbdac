package fwatchdog_test

import (
	"bytes"
	"fmt"

	"fwatchdog/protocol"
	fwatchdog "fwatchdog/sdk/go"
)

// A worker greets, says READY, and ends with its input.
func ExampleServePipes() {
	in, out := bytes.NewReader(protocol.AppendHello(nil)), new(bytes.Buffer)
	code := fwatchdog.ServePipes(in, out, func(*fwatchdog.ResponseWriter, *fwatchdog.Request) error { return nil },
		fwatchdog.Init(func() error { return nil }), fwatchdog.Concurrency(8))

	r := protocol.NewReader(out, protocol.Worker, protocol.MaxPayload)
	for h, _, err := r.Next(); err == nil; h, _, err = r.Next() {
		fmt.Println(h.Type)
	}
	fmt.Println("exit code", code)
	// Output:
	// HELLO
	// READY
	// exit code 0
}
