package process_test

import (
	"context"
	"fmt"
	"strings"

	"fwatchdog/internal/process"
	"fwatchdog/internal/reaper"
)

func ExampleStarter() {
	starter := process.NewStarter(new(reaper.Pids))
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	over := make(chan error)
	go func() { over <- starter.Run(ctx) }()

	p, err := starter.Start(process.Command{
		Argv: []string{"sh", "-c", "read name; echo hello, $name; exit 3"},
		Env:  []string{"PATH=/usr/bin:/bin"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	fmt.Fprintln(p.Stdin, "world")
	err = process.Lines(p.Stdout, 4096, func(line []byte) { fmt.Printf("it said: %s\n", line) })
	fmt.Println(err)
	<-p.Ended()
	fmt.Println(p.Reap())

	stop()
	fmt.Println(<-over)
	// Output:
	// it said: hello, world
	// <nil>
	// exit code 3
	// <nil>
}

func ExampleLines() {
	text := strings.NewReader("one\na line of many bytes\nthe end")
	err := process.Lines(text, 10, func(line []byte) { fmt.Printf("%q\n", line) })
	fmt.Println(err)
	// Output:
	// "one"
	// "a line of "
	// "many bytes"
	// "the end"
	// <nil>
}
