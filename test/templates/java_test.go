package templates_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// checkArchive fails unless the JVM of the image takes the function's classes from its class archive.
func checkArchive(t *testing.T, image *stage, base []string) {
	t.Helper()
	loaded := filepath.Join(t.TempDir(), "loaded")
	java := strings.NewReplacer("{heap_mb}", "64", "-Xlog:all=warning:stderr", "-Xlog:class+load:file="+loaded).Replace(image.env["fprocess"])
	worker := exec.Command("sh", "-c", java) // its stdin is at its end: it loads everything and goes
	worker.Dir = image.workdir
	worker.Env = append(image.environ(base), "FWATCHDOG_WORKER=1")
	if out, err := worker.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%q", err, out)
	}
	for _, class := range []string{"io.fwatchdog.Worker ", "com.openfaas.function."} {
		if line := lineWith(read(t, loaded), class); !strings.Contains(line, "shared objects file") {
			t.Errorf("%q was loaded so: %q", class, line)
		}
	}
}

func lineWith(text, part string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			return line
		}
	}
	return ""
}

func TestAFunctionThatCannotBeLoadedInABuildStartsWithoutAnArchive(t *testing.T) {
	tools := newTools(t)
	const handler = "src/main/java/com/openfaas/function/Handler.java"
	sample := read(t, filepath.Join(templates, "java-pool/function", handler))
	wants := strings.Replace(sample, "    @Override", `    public Handler() {
        if (System.getenv("DATABASE") == null) {
            throw new IllegalStateException("no database");
        }
    }

    @Override`, 1)
	context := shrinkwrap(t, "java-pool", map[string]string{handler: wants, "src/test/java/HandlerTest.java": "class HandlerTest {\n}\n"})
	image := build(t, context, tools.watchdog, tools.env)
	if err := os.Remove(filepath.Join(image.root, "home/app/app.jsa")); err != nil && !os.IsNotExist(err) {
		t.Fatal(err) // the JVM may archive what it loaded all the same
	}
	f := run(t, image, tools.env, "DATABASE=yes")
	if got := f.call(t, samples["java-pool"]); got != samples["java-pool"].want {
		t.Errorf("got %q", got)
	}
}

// checkSecondRequest fails unless a fresh worker of the image answers its second request within the limit, in the best of
// several starts: a busy machine delays some, a worker that starts its application for each request delays all.
func checkSecondRequest(t *testing.T, image *stage, base []string, c call, limit time.Duration) {
	t.Helper()
	best := time.Hour
	for start := 0; start < 6 && best > limit; start++ {
		f := run(t, image, base, "pool_size=1")
		f.call(t, c)
		begin := time.Now()
		if got := f.call(t, c); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
		best = min(best, time.Since(begin))
		f.stop(t)
	}
	t.Logf("the second request took %v", best)
	if best > limit {
		t.Errorf("the second request took %v, more than %v", best, limit)
	}
}
