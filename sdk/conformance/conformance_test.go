package conformance_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"fwatchdog/internal/process"
	"fwatchdog/sdk/conformance"
)

// javaClasses is where `make java` puts the conformance function.
const javaClasses = "../java/target/fwatchdog-0.1.0.jar:../java/target/fwatchdog-0.1.0-conformance.jar"

// sdks are the conformance functions, one for each language.
var sdks = map[string]func(t *testing.T) conformance.Target{
	"go": func(t *testing.T) conformance.Target {
		binary := filepath.Join(t.TempDir(), "conformance")
		build(t, binary)
		return conformance.Target{Argv: []string{binary}}
	},
	"node": func(*testing.T) conformance.Target {
		return conformance.Target{Argv: []string{"node", "../node/conformance.js"}}
	},
	"java": func(*testing.T) conformance.Target {
		return conformance.Target{Argv: []string{"java", "-XX:TieredStopAtLevel=1", "-cp", javaClasses, "io.fwatchdog.conformance.Main"}}
	},
	"python": func(*testing.T) conformance.Target {
		return conformance.Target{Argv: []string{"python3", "../python/conformance.py"}}
	},
}

func TestEverySDKConforms(t *testing.T) {
	starter := startProcesses(t)
	for name, prepare := range sdks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := prepare(t)
			target.Concurrency = 64
			target.Env = append(os.Environ(), "PYTHONPATH=../python/src")
			t.Run("stdout", func(t *testing.T) { conforms(t, starter, target) })
			target.FD3 = true
			t.Run("fd3", func(t *testing.T) { conforms(t, starter, target) })
		})
	}
}

func conforms(t *testing.T, starter *process.Starter, target conformance.Target) {
	for _, check := range conformance.For(target) {
		t.Run(check.Name, func(t *testing.T) {
			if err := check.Run(starter, target); err != nil {
				t.Error(err)
			}
		})
	}
}

// build compiles the conformance function of the Go SDK.
func build(t *testing.T, to string) {
	t.Helper()
	starter := startProcesses(t)
	proc, err := starter.Start(process.Command{Argv: []string{"go", "build", "-o", to, "../go/conformance"}, Env: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	defer proc.Close()
	_ = process.Lines(proc.Stderr, 4096, func(line []byte) { t.Logf("%s", line) })
	<-proc.Ended()
	if exit := proc.Reap(); exit.Status() != 0 {
		t.Fatalf("go build: %v", exit)
	}
}

func startProcesses(t *testing.T) *process.Starter {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	starter := process.NewStarter(nil)
	done := make(chan error, 1)
	go func() { done <- starter.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return starter
}
