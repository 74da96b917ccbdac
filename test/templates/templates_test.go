package templates_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// call is a request to a function and its answer.
type call struct {
	method, contentType, body string
	want                      string // status, Content-Type and body
}

// samples are the calls that the sample function of each template is to answer.
var samples = map[string]call{
	"go-pool":          {"POST", "text/plain", "hello", "200 text/plain; charset=utf-8 Body: hello"},
	"java-pool":        {"PUT", "text/plain", "Ada", "200 text/plain; charset=utf-8 Hello, Ada!"},
	"java-pool-gradle": {"POST", "text/plain", "Ada", "200 text/plain; charset=utf-8 Hello, Ada!"},
	"node-pool": {"POST", "application/json", `{"a":1}`,
		`200 text/html; charset=utf-8 {"body":"{\"a\":1}","content-type":"application/json"}`},
	"python3-pool":    {"GET", "", "", "200 text/html; charset=utf-8 Hello from fwatchdog!"},
	"springboot-pool": {"POST", "application/json", `{"name":"Ada"}`, `200 application/json {"greeting":"Hello, Ada!"}`},
}

func TestTheSampleOfEveryTemplateAnswers(t *testing.T) {
	tools := newTools(t)
	for _, language := range languages(t) {
		t.Run(language, func(t *testing.T) {
			sample, known := samples[language]
			if !known {
				t.Fatal("no call is known for its sample")
			}
			image := build(t, shrinkwrap(t, language, nil), tools.watchdog, tools.env)
			if strings.Contains(image.env["fprocess"], "java") {
				checkArchive(t, image, tools.env)
			}
			before := files(t, image)
			f := run(t, image, tools.env)
			for range 3 {
				if got := f.call(t, sample); got != sample.want {
					t.Errorf("got %q, want %q", got, sample.want)
				}
			}
			if err := f.healthy(); err != nil {
				t.Errorf("HEALTHCHECK: %v", err)
			}
			f.stop(t)
			if language == "springboot-pool" {
				checkSecondRequest(t, image, tools.env, sample, 5*time.Millisecond)
			}
			for name, stamp := range files(t, image) {
				if before[name] != stamp {
					t.Errorf("%s was written: the image's files may be read-only", name)
				}
			}
		})
	}
}

// function is the watchdog of an image, at work.
type function struct {
	image   *stage
	command *exec.Cmd
	url     string
	log     *strings.Builder
	logged  chan struct{} // closed at the end of the log
}

// run starts the image's command.
func run(t *testing.T, image *stage, base []string, settings ...string) *function {
	t.Helper()
	f := &function{image: image, log: new(strings.Builder), logged: make(chan struct{})}
	f.command = image.command(image.cmd)
	f.command.Env = append(image.environ(base), append([]string{"port=0", "metrics_port=0", "pool_size=2", "log_format=json",
		"healthcheck_interval=0", "hello_timeout=1m", "start_timeout=2m", "queue_timeout=2m"}, settings...)...)
	output, err := f.command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.command.Start(); err != nil {
		t.Fatal(err)
	}
	ports := make(chan string, 1)
	go f.readLog(output, ports)
	t.Cleanup(func() { f.stop(t) })
	select {
	case port := <-ports:
		f.url = "http://127.0.0.1:" + port + "/"
	case <-f.logged:
		t.Fatalf("it ended:\n%s", f.log)
	}
	return f
}

// readLog keeps the log and finds the port in it.
func (f *function) readLog(output io.Reader, ports chan<- string) {
	defer close(f.logged)
	for lines := bufio.NewScanner(output); lines.Scan(); {
		var line struct {
			Message string `json:"msg"`
			Port    int    `json:"port"`
		}
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Port != 0 {
			select {
			case ports <- strconv.Itoa(line.Port):
			default:
			}
		}
		f.log.Write(append(lines.Bytes(), '\n'))
	}
}

// call sends a request and returns what came back in one line.
func (f *function) call(t *testing.T, c call) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), c.method, f.url, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	if c.contentType != "" {
		request.Header.Set("Content-Type", c.contentType)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		f.stop(t)
		t.Fatalf("%v\n%s", err, f.log)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join([]string{strconv.Itoa(response.StatusCode), response.Header.Get("Content-Type"), string(body)}, " ")
}

// healthy runs the image's HEALTHCHECK.
func (f *function) healthy() error {
	check := f.image.command(f.image.health)
	check.Env = f.command.Env
	return check.Run()
}

// stop ends the watchdog as a container runtime does, and waits for it.
func (f *function) stop(t *testing.T) {
	t.Helper()
	if f.command.ProcessState != nil {
		return
	}
	_ = f.command.Process.Signal(syscall.SIGTERM) // it may have gone: Wait tells
	giveUp := time.AfterFunc(20*time.Second, func() { _ = f.command.Process.Kill() })
	defer giveUp.Stop()
	<-f.logged
	if err := f.command.Wait(); err != nil {
		t.Errorf("the watchdog ended with %v:\n%s", err, f.log)
	}
}

// files are the image's files with the time when each was written, but for those of /tmp.
func files(t *testing.T, image *stage) map[string]time.Time {
	t.Helper()
	found := map[string]time.Time{}
	err := filepath.WalkDir(image.root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == filepath.Join(image.root, "tmp") {
			return filepath.SkipDir
		}
		info, err := entry.Info()
		found[path] = info.ModTime()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
