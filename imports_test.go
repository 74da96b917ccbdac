// Package fwatchdog_test holds what concerns the module as a whole.
package fwatchdog_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layers are the module's folders from top to bottom. A package may import those of layers below its own, and its own
// folder's; never one above, never one beside. Folders below a named one belong to it; what is not named is free.
var layers = [][]string{
	{"cmd"},
	{"configs"},
	{"server", "supervisor", "metrics", "internal/control", "internal/page"},
	{"internal/report"},
	{"pool", "worker", "internal/fork", "internal/static"},
	{"internal/fakefunc", "sdk/conformance"},
	{"sdk/go", "internal/process"},
	{"protocol", "internal/exchange", "internal/logging", "internal/reaper", "internal/auth", "internal/watch",
		"internal/tracing"},
	{"internal/life", "internal/cpus", "internal/bounds"},
}

// place returns the layer of a folder and the name under which it stands there.
func place(folder string) (layer int, name string) {
	for i, names := range layers {
		for _, n := range names {
			if folder == n || strings.HasPrefix(folder, n+"/") {
				return i, n
			}
		}
	}
	return -1, ""
}

func TestImportsPointDown(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && path != "." || slices.Contains(
			[]string{"node_modules", "template", "examples", "bench", "testdata", "target"}, entry.Name())) {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		seen++
		checkImports(t, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 20 {
		t.Fatalf("looked at %d files only: is this the module's root?", seen)
	}
}

func checkImports(t *testing.T, path string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	from, fromName := place(filepath.ToSlash(filepath.Dir(path)))
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Error(err)
			continue
		}
		folder, ours := strings.CutPrefix(imported, "fwatchdog/")
		to, toName := place(folder)
		if !ours || from < 0 || to < 0 || fromName == toName {
			continue
		}
		if to <= from {
			t.Errorf("%s imports %s: imports point down only", path, folder)
		}
	}
}
