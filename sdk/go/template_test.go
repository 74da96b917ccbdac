package fwatchdog_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fwatchdog/sdk/go/workertest"
)

const template = "../../template/go-pool"

var update = flag.Bool("update", false, "copy the SDK into template/go-pool")

// copied returns what the template carries of this module: the packages that a function's worker is built of.
func copied(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{"go.mod": "module fwatchdog\n\ngo 1.26\n"}
	for _, folder := range []string{"protocol", "sdk/go", "sdk/go/nethttp", "sdk/go/openfaas"} {
		sources, err := filepath.Glob(filepath.Join("../..", folder, "*.go"))
		if err != nil || len(sources) == 0 {
			t.Fatalf("%s: %d sources, %v", folder, len(sources), err)
		}
		for _, source := range sources {
			if !strings.HasSuffix(source, "_test.go") {
				files[folder+"/"+filepath.Base(source)] = read(t, source)
			}
		}
	}
	return files
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// When this fails: go test ./sdk/go -run TestTemplateCarriesThisSDK -update
func TestTemplateCarriesThisSDK(t *testing.T) {
	want, dir := copied(t), filepath.Join(template, "fwatchdog")
	if *update {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		write(t, dir, want)
	}
	got := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			got[strings.TrimPrefix(path, dir+"/")] = read(t, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the copy differs; run this test with -update (-sdk +copy):\n%s", diff)
	}
}

func TestTemplateStartsTheSameProgramEverywhere(t *testing.T) {
	const program = "./handler"
	yml := regexp.MustCompile(`(?m)^fprocess: (.*)$`).FindStringSubmatch(read(t, template+"/template.yml"))
	env := regexp.MustCompile(`(?m)^ENV fprocess="(.*)"$`).FindStringSubmatch(read(t, template+"/Dockerfile"))
	if len(yml) != 2 || len(env) != 2 || yml[1] != program || env[1] != program {
		t.Errorf("template.yml has %q, the Dockerfile %q", yml, env)
	}
}

// modules are the files of functions in all layouts and signatures that the template builds; "" in place of a file removes
// the template's.
var modules = map[string]struct {
	files   map[string]string
	goflags string // of the build argument
	want    string
}{
	"as the template makes it": {nil, "", "200 Body: hello"},
	"without a go.mod": {map[string]string{
		"function/go.mod":          "",
		"function/handler_test.go": "",
		"function/handler.go":      "package function\n\nfunc Handle(req []byte) string { return \"classic \" + string(req) }\n",
	}, "-tags=some", "200 classic hello\n"},
	"with another module beside it": {map[string]string{
		"function/go.mod": "module handler/function\n\ngo 1.26\n\nrequire github.com/openfaas/templates-sdk/go-http v0.0.0\n\n" +
			"replace github.com/openfaas/templates-sdk/go-http => ./sdk\n",
		"function/sdk/go.mod":      "module github.com/openfaas/templates-sdk/go-http\n\ngo 1.26\n",
		"function/sdk/handler.go":  golangHTTP,
		"function/handler_test.go": "",
		"function/handler.go":      golangHTTPFunction,
	}, "", "202 golang-http hello"},
	"with vendored packages": {map[string]string{
		"function/go.mod": "module handler/function\n\ngo 1.26\n\nrequire github.com/openfaas/templates-sdk/go-http v0.0.0\n",
		"function/vendor/github.com/openfaas/templates-sdk/go-http/handler.go": golangHTTP,
		"function/handler_test.go": "",
		"function/handler.go":      golangHTTPFunction,
	}, "-mod=vendor -tags=some", "202 golang-http hello"},
	"of the SDK's own signature": {map[string]string{
		"function/handler_test.go": "",
		"function/handler.go": `package function

import (
	"io"

	fwatchdog "fwatchdog/sdk/go"
)

func Handle(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	w.WriteHeader(201)
	_, err := io.Copy(w, r.Body)
	return err
}
`}, "", "201 hello"},
}

// golangHTTP has the types of the package of that template.
const golangHTTP = `package handler

import "net/http"

type Response struct {
	Body       []byte
	StatusCode int
	Header     http.Header
}

type Request struct {
	Body        []byte
	Header      http.Header
	QueryString string
	Method      string
	Host        string
}
`

const golangHTTPFunction = `package function

import handler "github.com/openfaas/templates-sdk/go-http"

func Handle(r handler.Request) (handler.Response, error) {
	return handler.Response{StatusCode: 202, Body: append([]byte("golang-http "), r.Body...)}, nil
}
`

func TestTemplateBuildsFunctionsInAllLayouts(t *testing.T) {
	for name, module := range modules {
		t.Run(name, func(t *testing.T) {
			dir := buildTemplate(t, module.files, module.goflags)
			command := exec.Command("./handler")
			command.Dir, command.Stderr = dir, os.Stderr
			h := workertest.Spawn(t, command)
			h.ShakeHands()
			r := h.Response(h.Request(workertest.Request{Method: "POST", Body: []byte("hello")}))
			if got := fmt.Sprintf("%d %s", r.Status, r.Body); got != module.want {
				t.Errorf("got %q, want %q", got, module.want)
			}
		})
	}
}

// buildTemplate runs the template's build.sh with a function's files, offline, and returns the folder.
func buildTemplate(t *testing.T, files map[string]string, goflags string) string {
	t.Helper()
	gopath := t.TempDir()
	dir := filepath.Join(gopath, "src", "handler")
	if err := os.CopyFS(dir, os.DirFS(template)); err != nil {
		t.Fatal(err)
	}
	write(t, dir, files)
	for name, text := range files {
		if text == "" {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	command := exec.Command("sh", "build.sh")
	command.Dir = dir
	command.Env = append(os.Environ(), "GOPATH="+gopath, "GOPROXY=off", "GOFLAGS="+goflags, "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}
