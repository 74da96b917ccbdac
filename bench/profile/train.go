package main

import (
	"bytes"
	"context"
	"os"

	"github.com/google/pprof/profile"
)

// lessons are the loads from which the compiler learns which calls are worth to be inlined, each for the same time.
var lessons = []struct {
	function    string
	connections int
	body        bool
}{
	{"node", 32, false},
	{"node", 1000, false}, // most stand in line
	{"jvm", 256, false},
	{"python", 32, false}, // one request at a time
	{"node", 8, true},
}

// train writes a profile of all lessons to a file, as `go build -pgo` reads it.
func train(ctx context.Context, root string, seconds int, file string) error {
	var all []*profile.Profile
	for _, l := range lessons {
		found, err := record(ctx, root, l.function, loadOf(root, l.connections, seconds, l.body))
		if err != nil {
			return err
		}
		all = append(all, found.profile)
	}
	merged, err := profile.Merge(all)
	if err != nil {
		return err
	}
	var data bytes.Buffer
	if err := merged.Write(&data); err != nil {
		return err
	}
	return os.WriteFile(file, data.Bytes(), 0o666)
}
