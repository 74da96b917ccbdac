package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// maxSize is how large the binary may be, without symbols, for linux/amd64.
const maxSize = 16_000_000

// A call of reflect's Method or MethodByName that the linker cannot see through makes it keep every exported method of
// every type, a third more of everything; docs/adr/0017-flags-without-methods-by-name.md.
func TestBinaryIsSmallAndLooksUpNoMethodsByName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fwatchdog")
	build := exec.Command("go", "build", "-ldflags", "-s -w -dumpdep", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	var dependencies bytes.Buffer
	build.Stdout, build.Stderr = &dependencies, &dependencies
	if err := build.Run(); err != nil {
		t.Fatalf("go build: %v\n%.2000s", err, dependencies.String())
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxSize {
		t.Errorf("the binary has %d bytes, and may have %d: go tool nm -size -sort size says what takes them", info.Size(), maxSize)
	}
	reached := 0
	by := map[string]string{} // what a function was first reached from
	for line := range strings.Lines(dependencies.String()) {
		from, to, found := strings.Cut(strings.TrimSpace(line), " -> ")
		if !found {
			continue
		}
		reached++
		to, attributes, _ := strings.Cut(to, " <")
		from, _, _ = strings.Cut(from, " <")
		by[to] = from
		if strings.Contains(attributes, "ReflectMethod>") {
			t.Fatalf("the linker has to keep every exported method, some 5 MB, because of %s", wayTo(to, by))
		}
	}
	if reached < 10_000 {
		t.Errorf("the linker told of %d dependencies only: is -dumpdep what it was?", reached)
	}
}

// wayTo is how a function is reached from main, the last steps first.
func wayTo(name string, by map[string]string) string {
	way := []string{name}
	for range 8 {
		if name = by[name]; name == "" {
			break
		}
		way = append(way, name)
	}
	return strings.Join(way, ", which is needed by ")
}
