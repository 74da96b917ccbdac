// Package templates_test makes a function of every template with faas-cli, builds it as its Dockerfile says, and calls it. It
// takes every tutorial in the same way: its files, its commands, its Dockerfile.
package templates_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// templates is the folder that faas-cli copies templates from.
const templates = "../../template"

// shrinkwrap makes a function and its build context: files lie over those of the sample. It returns the context.
func shrinkwrap(t *testing.T, language string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	copyTree(t, filepath.Join(templates, language), filepath.Join(dir, "template", language))
	newFunction(t, dir, language)
	for name, text := range files {
		path := filepath.Join(dir, "hello", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	wrap(t, dir, language)
	return filepath.Join(dir, "build", "hello")
}

// faasCLI is faas-cli when this machine has it. Without it the tests do what it does: its two commands copy folders.
func faasCLI() string {
	path, err := exec.LookPath("faas-cli")
	if err != nil {
		return ""
	}
	return path
}

// newFunction does `faas-cli new --lang LANGUAGE hello`.
func newFunction(t *testing.T, dir, language string) {
	t.Helper()
	if cli := faasCLI(); cli != "" {
		execute(t, dir, cli, "new", "--lang", language, "hello")
		return
	}
	t.Log("faas-cli is not on PATH: its folders are copied here")
	copyTree(t, filepath.Join(dir, "template", language, "function"), filepath.Join(dir, "hello"))
}

// wrap does `faas-cli build --shrinkwrap`.
func wrap(t *testing.T, dir, language string) {
	t.Helper()
	if cli := faasCLI(); cli != "" {
		execute(t, dir, cli, "build", "--shrinkwrap", "-f", "stack.yaml")
		return
	}
	context := filepath.Join(dir, "build", "hello")
	copyTree(t, filepath.Join(dir, "template", language), context)
	copyTree(t, filepath.Join(dir, "hello"), filepath.Join(context, "function"))
}

func execute(t *testing.T, dir string, argv ...string) {
	t.Helper()
	command := exec.Command(argv[0], argv[1:]...)
	command.Dir = dir
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
}

// languages are all templates.
func languages(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(templates)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	if !slices.Contains(names, "node-pool") {
		t.Fatalf("%s holds %v", templates, names)
	}
	return names
}
