package templates_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// packages are the files of the image's /sdk that a package manager wants; behind each folder what else may lie in it.
var packages = map[string][]string{
	"sdk/node": {"package.json", "index.js", "index.mjs", "index.d.ts", "README.md", "lib/"},
	"sdk/go":   {"go.mod", "sdk/go/", "sdk/go/workertest/", "protocol/"},
	"sdk/java": {"fwatchdog-0.1.0.jar", "fwatchdog-0.1.0-sources.jar", "fwatchdog-0.1.0-javadoc.jar",
		"fwatchdog-spring-0.1.0.jar", "fwatchdog-spring-0.1.0-sources.jar", "fwatchdog-spring-0.1.0-javadoc.jar"},
	"sdk/python": {"pyproject.toml", "README.md", "src/fwatchdog/"},
}

func TestTheImageHoldsTheBinaryAndThePackages(t *testing.T) {
	tools := newTools(t)
	image := ownImage(t)
	if out, err := exec.Command(filepath.Join(image.root, "fwatchdog"), "version").Output(); err != nil || !strings.HasPrefix(string(out), "Version: dev ") {
		t.Errorf("version says %q, %v", out, err)
	}
	for folder, wanted := range packages {
		t.Run(folder, func(t *testing.T) {
			got := contents(t, filepath.Join(image.root, folder))
			for _, want := range wanted {
				if !slices.ContainsFunc(keys(got), func(name string) bool { return belongs(name, want) }) {
					t.Errorf("%s is missing", want)
				}
			}
			for name := range got {
				if !slices.ContainsFunc(wanted, func(want string) bool { return belongs(name, want) }) || strings.HasSuffix(name, "_test.go") || strings.Contains(name, "/test") {
					t.Errorf("%s belongs into no package", name)
				}
			}
		})
	}
	t.Run("npm installs it", func(t *testing.T) { npmInstalls(t, image, tools.env) })
	t.Run("pip makes a wheel of it", func(t *testing.T) { pipBuilds(t, image, tools.env) })
	t.Run("Go builds with it", func(t *testing.T) { goBuilds(t, image, tools.env) })
	t.Run("javac compiles with it", func(t *testing.T) { javacCompiles(t, image, tools.env) })
}

// belongs reports whether a file below a folder is what is wanted, or lies in it.
func belongs(name, want string) bool {
	name = strings.TrimPrefix(name, "/")
	return name == want || strings.HasSuffix(want, "/") && strings.HasPrefix(name, want)
}

func keys(files map[string]string) []string {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	return names
}

// checkout is a copy of the repository's files, without what was built between them.
func checkout(t *testing.T) string {
	t.Helper()
	to := t.TempDir()
	execute(t, "../..", "sh", "-c", `git ls-files -z --cached --others --exclude-standard | tar --null -T - --ignore-failed-read -c | tar -x -C "$0"`, to)
	return to
}

// inside runs a script in a folder of its own that holds these files, and returns what it printed.
func inside(t *testing.T, env []string, script string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command("sh", "-ec", script)
	command.Dir, command.Env = dir, env
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

func TestWhatNpmPublishesIsThePackageAlone(t *testing.T) {
	command := exec.Command("npm", "pack", "--dry-run", "--json")
	command.Dir = "../../sdk/node"
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	var packed []struct {
		Files []struct{ Path string } `json:"files"`
	}
	if err := json.Unmarshal(out, &packed); err != nil || len(packed) != 1 {
		t.Fatalf("%v\n%s", err, out)
	}
	missing := map[string]bool{"package.json": true, "index.js": true, "index.mjs": true, "index.d.ts": true, "README.md": true, "lib/serve.js": true}
	for _, file := range packed[0].Files {
		delete(missing, file.Path)
		if !slices.ContainsFunc(packages["sdk/node"], func(want string) bool { return belongs(file.Path, want) }) {
			t.Errorf("%s would be published", file.Path)
		}
	}
	if len(missing) > 0 {
		t.Errorf("not published: %v", missing)
	}
}

func npmInstalls(t *testing.T, image *stage, env []string) {
	got := inside(t, env, "npm install --silent --no-audit --no-fund $(npm pack --silent "+image.root+"/sdk/node) >/dev/null; node a.cjs; node b.mjs", map[string]string{
		"package.json": `{"name": "user", "version": "1.0.0", "private": true}`,
		"a.cjs":        `console.log(typeof require('fwatchdog').serve, require('fwatchdog/package.json').types)`,
		"b.mjs":        `import { serve } from 'fwatchdog'; console.log(typeof serve)`,
	})
	if got != "function ./index.d.ts\nfunction\n" {
		t.Errorf("got %q", got)
	}
}

func pipBuilds(t *testing.T, image *stage, env []string) {
	got := inside(t, env, fmt.Sprintf("cp -R %s/sdk/python package; pip -q wheel --no-deps -w . ./package; python -m zipfile -l fwatchdog-0.1.0-py3-none-any.whl",
		image.root), nil)
	for _, want := range []string{"fwatchdog/__init__.py ", "fwatchdog/py.typed ", "fwatchdog/openfaas/__init__.py ", "fwatchdog-0.1.0.dist-info/METADATA "} {
		if !strings.Contains(got, want) {
			t.Errorf("the wheel has no %s:\n%s", want, got)
		}
	}
	if strings.Contains(got, "test") || strings.Contains(got, "conformance") {
		t.Errorf("the wheel has tests:\n%s", got)
	}
}

func goBuilds(t *testing.T, image *stage, env []string) {
	inside(t, append(env, "GOFLAGS=-mod=mod"), "go build -o /dev/null .", map[string]string{
		"go.mod": "module user\n\ngo 1.26\n\nrequire fwatchdog v0.0.0\n\nreplace fwatchdog => " + image.root + "/sdk/go\n",
		"main.go": "package main\n\nimport (\n\t\"os\"\n\n\tfwatchdog \"fwatchdog/sdk/go\"\n)\n\nfunc main() {\n" +
			"\tos.Exit(fwatchdog.Serve(func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error { return nil }))\n}\n",
	})
}

func javacCompiles(t *testing.T, image *stage, env []string) {
	jars := image.root + "/sdk/java/"
	got := inside(t, env, fmt.Sprintf("javac -cp %[1]sfwatchdog-0.1.0.jar -d . Main.java; jar tf %[1]sfwatchdog-0.1.0-sources.jar; jar tf %[1]sfwatchdog-0.1.0-javadoc.jar; jar tf %[1]sfwatchdog-spring-0.1.0.jar", jars),
		map[string]string{"Main.java": "import io.fwatchdog.*;\nclass Main {\n    public static void main(String[] a) {\n" +
			"        Worker.serve(request -> Response.of(200).body(request.text()));\n    }\n}\n"})
	for _, want := range []string{"io/fwatchdog/Worker.java\n", "io/fwatchdog/Worker.html\n", "META-INF/spring.factories\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no jar has %s", want)
		}
	}
}
