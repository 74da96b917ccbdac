// Package watch tells of changes below a folder, for development: a function that is saved is to be loaded anew. It does
// not say what changed, and knows nothing of functions.
package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Pause is how long it must be quiet before changes are told: an editor, a checkout or a build touches many files.
const Pause = 300 * time.Millisecond

// ignored are folders that tools fill, and nobody edits.
var ignored = []string{"node_modules", "__pycache__", "target"}

// Folder is a folder, and all below it, that is being watched.
type Folder struct {
	// Missed, when set, is told why a new folder cannot be watched: that of the first, since more have the same cause. Set it
	// before Run.
	Missed func(error)
	missed bool // one was; Run's

	root    string
	watcher *fsnotify.Watcher
}

// Open begins to watch the folder. Folders that tools fill, and those whose names begin with a dot, are left out. The
// caller closes it.
func Open(root string) (*Folder, error) {
	folder, err := filepath.EvalSymlinks(root) // a link is not walked through
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", root, err)
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", root, err)
	}
	f := &Folder{root: folder, watcher: watcher}
	if err := f.add(folder); err != nil {
		_ = watcher.Close()
		return nil, fmt.Errorf("watch %s: %w", root, err)
	}
	return f, nil
}

// Close gives back what the kernel holds for it. Run has ended by then.
func (f *Folder) Close() error { return f.watcher.Close() }

// add watches folder and what is below it: the kernel tells of one folder at a time.
func (f *Folder) add(folder string) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && path == f.root:
			return err
		case err != nil || !entry.IsDir():
			return nil // it has gone meanwhile, or its folder is watched
		case path != f.root && f.ignores(path):
			return fs.SkipDir
		}
		return f.watcher.Add(path)
	})
}

// addNew watches what has come into being. To what has gone meanwhile nothing will happen.
func (f *Folder) addNew(path string) {
	err := f.add(path)
	if err == nil || errors.Is(err, fs.ErrNotExist) || f.missed || f.Missed == nil {
		return
	}
	f.missed = true
	f.Missed(fmt.Errorf("watch %s: %w", path, err))
}

// ignores reports whether path is, or lies in, a folder that nobody edits.
func (f *Folder) ignores(path string) bool {
	below, err := filepath.Rel(f.root, path)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(strings.Split(below, string(filepath.Separator)), func(name string) bool {
		return name != "." && strings.HasPrefix(name, ".") || slices.Contains(ignored, name)
	})
}

// Run calls changed after each change, once for those that follow one another within Pause, until ctx ends. Changes while
// changed runs are told afterwards.
func (f *Folder) Run(ctx context.Context, changed func()) error {
	quiet := time.NewTimer(time.Hour)
	quiet.Stop()
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case event := <-f.watcher.Events:
			if event.Op == fsnotify.Chmod || f.ignores(event.Name) {
				continue
			}
			if event.Has(fsnotify.Create) {
				f.addNew(event.Name)
			}
			quiet.Reset(Pause)
		case err := <-f.watcher.Errors:
			if !errors.Is(err, fsnotify.ErrEventOverflow) { // which says that there were more than could be told
				return fmt.Errorf("watch %s: %w", f.root, err)
			}
			quiet.Reset(Pause)
		case <-quiet.C:
			changed()
		}
	}
}
