// Command profile says where the time of a request goes: it loads fwatchdog as the comparison does, takes a profile of its
// processor time meanwhile, prints what each part takes for a request, and draws a flame graph. `make profile` runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"fwatchdog/bench/systems"
)

func main() {
	root := flag.String("root", "..", "the project's folder")
	function := flag.String("function", "node", "the function behind fwatchdog: node, go or jvm")
	connections := flag.Int("connections", 32, "of the load")
	seconds := flag.Int("seconds", 10, "for how long it is loaded")
	body := flag.Bool("body", false, "send 1 MiB with each request, which comes back")
	svg := flag.String("svg", "", "where to draw the flame graph; empty draws none")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	load := systems.Load{Connections: *connections, Path: "/", Seconds: *seconds}
	if err := run(ctx, *root, *function, load, *body, *svg); err != nil {
		log.Print(err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root, function string, load systems.Load, body bool, svg string) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	if functionNames[function] == "" {
		return fmt.Errorf("there is no function %q", function)
	}
	if body {
		load.Post = filepath.Join(root, "bench/compare/echo.lua")
	}
	found, err := record(ctx, root, function, load)
	if err != nil {
		return err
	}
	fmt.Print(found.report())
	if svg == "" {
		return nil
	}
	return os.WriteFile(svg, found.draw(), 0o666)
}
