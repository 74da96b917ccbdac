package watch

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// watched is a folder with a file, and what tells of its changes.
func watched(t *testing.T) (string, <-chan struct{}) {
	t.Helper()
	root := t.TempDir()
	for _, folder := range []string{"lib", "node_modules/x", ".git"} {
		if err := os.MkdirAll(filepath.Join(root, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root, watch(t, root)
}

// watch returns what tells of the changes in a folder.
func watch(t *testing.T, root string) <-chan struct{} {
	t.Helper()
	f, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	told, done := make(chan struct{}, 100), make(chan error, 1)
	go func() { done <- f.Run(ctx, func() { told <- struct{}{} }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return told
}

func TestAFolderBehindALinkIsWatched(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	root := t.TempDir()
	if err := os.Symlink(root, link); err != nil {
		t.Fatal(err)
	}
	told := watch(t, link)
	save(t, root, "a.js")
	await(t, told)
}

func save(t *testing.T, parts ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(parts...), []byte(time.Now().String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// await fails the test unless there is one change, and only one.
func await(t *testing.T, told <-chan struct{}) {
	t.Helper()
	select {
	case <-told:
	case <-time.After(10 * time.Second):
		t.Fatal("no change was told")
	}
	none(t, told)
}

// none fails the test when a change is told within a time in which it would be.
func none(t *testing.T, told <-chan struct{}) {
	t.Helper()
	select {
	case <-told:
		t.Fatal("a change was told")
	case <-time.After(2 * Pause):
	}
}

func TestManySavesAreOneChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the kernel's time is not: the test says what it tells
		events := make(chan fsnotify.Event)
		f := &Folder{root: "/root", watcher: &fsnotify.Watcher{Events: events}}
		ctx, cancel := context.WithCancel(t.Context())
		told, done := make(chan time.Time, 100), make(chan error, 1)
		go func() { done <- f.Run(ctx, func() { told <- time.Now() }) }()
		for range 2 {
			for range 20 {
				time.Sleep(Pause - time.Millisecond)
				events <- fsnotify.Event{Name: "/root/handler.js", Op: fsnotify.Write}
			}
			saved := time.Now()
			time.Sleep(time.Hour)
			if n := len(told); n != 1 {
				t.Fatalf("%d changes were told", n)
			}
			if at := <-told; at.Sub(saved) != Pause {
				t.Errorf("told %v after the last save", at.Sub(saved))
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestANewFolderIsWatchedToo(t *testing.T) {
	root, told := watched(t)
	if err := os.MkdirAll(filepath.Join(root, "new", "deep"), 0o755); err != nil {
		t.Fatal(err)
	}
	await(t, told)
	save(t, root, "new", "deep", "a.js")
	await(t, told)
}

func TestAFileThatIsReplacedOrRemovedHasChanged(t *testing.T) {
	root, told := watched(t)
	save(t, root, "lib", "a.js")
	await(t, told)
	if err := os.Rename(filepath.Join(root, "lib", "a.js"), filepath.Join(root, "lib", "b.js")); err != nil {
		t.Fatal(err)
	}
	await(t, told)
	if err := os.Remove(filepath.Join(root, "lib", "b.js")); err != nil {
		t.Fatal(err)
	}
	await(t, told)
}

func TestWhatToolsWriteIsNoChange(t *testing.T) {
	root, told := watched(t)
	save(t, root, "node_modules", "x", "a.js")
	save(t, root, ".git", "index")
	save(t, root, ".handler.js.swp")
	if err := os.Mkdir(filepath.Join(root, "__pycache__"), 0o755); err != nil {
		t.Fatal(err)
	}
	save(t, root, "__pycache__", "a.pyc")
	none(t, told)
}

func TestAFolderThatIsNotThereIsRefused(t *testing.T) {
	if _, err := Open("/nowhere/at/all"); err == nil || !strings.Contains(err.Error(), "/nowhere/at/all") {
		t.Errorf("got %v", err)
	}
}
