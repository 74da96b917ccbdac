package watch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fsnotify/fsnotify"
)

func TestANewFolderThatCannotBeWatchedIsToldOnce(t *testing.T) {
	f, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var told []error
	f.Missed = func(err error) { told = append(told, err) }
	if err := f.Close(); err != nil { // it watches no more
		t.Fatal(err)
	}
	f.watcher.Events, f.watcher.Errors = make(chan fsnotify.Event), nil
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error)
	go func() { over <- f.Run(ctx, func() {}) }()
	for _, name := range []string{"gone", "new", "newer"} {
		path := filepath.Join(f.root, name)
		if name != "gone" {
			if err := os.Mkdir(path, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		f.watcher.Events <- fsnotify.Event{Name: path, Op: fsnotify.Create}
	}
	cancel()
	if err := <-over; err != nil {
		t.Error(err)
	}
	if len(told) != 1 || !errors.Is(told[0], fsnotify.ErrClosed) || !strings.Contains(told[0].Error(), "/new: ") {
		t.Errorf("told %v", told)
	}
}
