package page

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"fwatchdog/internal/life"
	"fwatchdog/internal/report"
	"fwatchdog/pool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type instance struct{}

func (instance) Snapshot() pool.Snapshot          { return pool.Snapshot{Capacity: 3} }
func (instance) Usage() map[uint64]life.Usage     { return nil }
func (instance) MemoryLimits() (soft, hard int64) { return 0, 0 }
func (instance) Totals() report.Totals            { return report.Totals{} }
func (instance) ReloadError() string              { return "" }
func (instance) Draining() bool                   { return false }

func shown(t *testing.T) *httptest.Server {
	srv := httptest.NewServer(Handler(report.NewRecorder("1.2.3", "pool", instance{})))
	t.Cleanup(srv.Close)
	return srv
}

func fetch(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestWhateverThePageLoadsIsThere(t *testing.T) {
	srv := shown(t)
	resp, body := fetch(t, srv.URL+"/")
	if resp.StatusCode != 200 || !strings.Contains(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	loaded := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(body, -1)
	if len(loaded) < 7 {
		t.Fatalf("it loads %v", loaded)
	}
	for _, found := range loaded {
		if file := found[1]; file != "data:," && file != "metrics" { // the handler of the metrics is beside this one
			if resp, _ := fetch(t, srv.URL+"/"+file); resp.StatusCode != 200 {
				t.Errorf("%s is %d", file, resp.StatusCode)
			}
		}
	}
	if external := regexp.MustCompile(`https?://`).FindString(body); external != "" {
		t.Error("it names another host")
	}
}

func TestTheStateIsADocument(t *testing.T) {
	resp, body := fetch(t, shown(t).URL+"/state.json")
	var state report.State
	if err := json.Unmarshal([]byte(body), &state); err != nil || state.Version != "1.2.3" || state.Pool.Capacity != 3 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if _, body := fetch(t, shown(t).URL+"/history.json"); body != "[]\n" {
		t.Errorf("the history is %q", body)
	}
}

func TestEventsAreAStateAndASample(t *testing.T) {
	resp, err := http.Get(shown(t).URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for _, want := range []string{"event: state", `data: {"version":"1.2.3"`, "", "event: sample", `data: {"time":0`, ""} {
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), want) || want == "" && lines.Text() != "" {
			t.Errorf("got %q, want %q", lines.Text(), want)
		}
	}
}

func TestThePageChangesNothing(t *testing.T) {
	srv := shown(t)
	for _, path := range []string{"/", "/state.json", "/events"} {
		resp, err := http.Post(srv.URL+path, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("POST %s is %d", path, resp.StatusCode)
		}
	}
}
