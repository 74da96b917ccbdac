package main

import (
	"fmt"
	"io"
	"os"

	"fwatchdog/configs"
	sdk "fwatchdog/sdk/go"
)

// demoCommand is the built-in function as a process.
func demoCommand() ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program to run it as a worker: %w", err)
	}
	return []string{self, "demo-worker"}, nil
}

// demoWorkerCommand is the built-in function: it echoes.
type demoWorkerCommand struct{}

func (c *demoWorkerCommand) run(*configs.Settings, []string, streams) error {
	if code := sdk.Serve(echo); code != exitOK {
		return exitError(code)
	}
	return nil
}

// echo answers with the request's body, as it comes.
func echo(w *sdk.ResponseWriter, r *sdk.Request) error {
	if kind := r.Headers.Get("content-type"); kind != "" {
		w.SetHeader("content-type", kind)
	}
	_, err := io.Copy(w, r.Body)
	return err
}
