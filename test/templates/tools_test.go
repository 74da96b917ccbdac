package templates_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// tools are what an image is built with in place of its base images.
type tools struct {
	watchdog string   // the binary
	env      []string // of every RUN, and of the image's command
}

// idle are the programs that only root in a container can run. They do nothing.
var idle = []string{"apk", "apt-get", "addgroup", "adduser", "useradd", "chown"}

// scratch holds the tools while the tests run.
var scratch string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "templates")
	if err != nil {
		panic(err)
	}
	scratch = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		panic(err)
	}
	os.Exit(code)
}

var (
	made   sync.Once
	shared tools
)

// newTools returns the tools, made by the first test that asks.
func newTools(t *testing.T) tools {
	t.Helper()
	made.Do(func() { shared = makeTools(t) })
	if shared.watchdog == "" {
		t.Fatal("another test could not make the tools")
	}
	return shared
}

var (
	imageBuilt sync.Once
	builtImage *stage
)

// ownImage returns the image of this repository, built by the first test that asks.
func ownImage(t *testing.T) *stage {
	t.Helper()
	tools := newTools(t)
	imageBuilt.Do(func() {
		b := &builder{t: t, context: checkout(t), base: tools.env, dir: filepath.Join(scratch, "image"), stages: map[string]*stage{}}
		builtImage = b.build(tools.watchdog)
	})
	if builtImage == nil {
		t.Fatal("another test could not build the image")
	}
	return builtImage
}

func makeTools(t *testing.T) tools {
	t.Helper()
	bin, python, watchdog := filepath.Join(scratch, "bin"), filepath.Join(scratch, "python"), filepath.Join(scratch, "fwatchdog")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range idle {
		program(t, filepath.Join(bin, name), "#!/bin/sh\n")
	}
	program(t, filepath.Join(bin, "gradle"), read(t, "testdata/gradle.sh"))
	execute(t, ".", "python3", "-m", "venv", "--system-site-packages", python) // pip --user is refused without
	execute(t, "../..", "go", "build", "-o", watchdog, "./cmd/fwatchdog")
	env := append(os.Environ(),
		"PATH="+strings.Join([]string{bin, filepath.Join(python, "bin"), os.Getenv("PATH")}, ":"),
		"MAVEN_OPTS=-Dmaven.repo.local="+filepath.Join(home(t), ".m2/repository"), // HOME is the image's
		"npm_config_cache="+filepath.Join(home(t), ".npm"),
		"PIP_CACHE_DIR="+filepath.Join(home(t), ".cache/pip"),
		"PIP_DISABLE_PIP_VERSION_CHECK=1",
		"GOMODCACHE="+goEnv(t, "GOMODCACHE"), "GOCACHE="+goEnv(t, "GOCACHE"))
	return tools{watchdog, env}
}

func program(t *testing.T, path, script string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
}

func home(t *testing.T) string {
	t.Helper()
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	return home
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
