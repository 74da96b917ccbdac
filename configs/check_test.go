package configs

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fwatchdog/internal/logging"
	"fwatchdog/pool"
	"fwatchdog/server"
	"fwatchdog/supervisor"
	"fwatchdog/worker"
)

const (
	needDuration = "it must be a duration such as 10s, 1m30s or 1.5, which is seconds"
	needSize     = "it must be a number of bytes, or one with KiB, MiB or GiB (or K, M, G, which are the same)"
	needLimit    = "it must be auto, off, or a size such as 256MiB, 512M or a number of bytes"
	needBool     = "it must be true or false (or 1, t, T, TRUE, True, 0, f, F, FALSE, False)"
)

func TestBadValueIsNamedWithWhatIsAllowed(t *testing.T) {
	tests := []struct{ variable, want string }{
		{`fprocess=node "x`, `fprocess is "node \"x": a quote is not closed`},
		{`function_process=x\`, `function_process is "x\\": nothing follows the backslash at the end`},
		{"mode=classic", `mode is "classic" (environment): it must be pool`},
		{"mode=afterburn", `mode is "afterburn" (environment): it must be pool`},
		{"worker_output=stderr", `worker_output is "stderr" (environment): it must be one of stdout, fd3`},
		{"config=/nowhere.yaml", `config is "/nowhere.yaml": it must be a file that can be read: open /nowhere.yaml: no such file or directory`},
		{"port=80a", `port is "80a" (environment): it must be a whole number`},
		{"PORT=80a", `port is "80a" (environment, PORT): it must be a whole number`},
		{"port=-1", "port is -1: it must be 0 to 65535"},
		{"port=65536", "port is 65536: it must be 0 to 65535"},
		{"metrics_port=65536", "metrics_port is 65536: it must be 0 to 65535"},
		{"metrics_port=8080", "metrics_port is 8080: it must be another than port"},
		{"max_inflight=1e3", `max_inflight is "1e3" (environment): it must be a whole number`},
		{"max_inflight=-1", "max_inflight is -1: it must be 0, which is no limit, or more"},
		{"max_body=1MB", `max_body is "1MB" (environment): ` + needSize},
		{"max_body=-1", "max_body is -1: it must be 0, which is no limit, or more"},
		{"read_timeout=x", `read_timeout is "x" (environment): ` + needDuration},
		{"read_timeout=-1", "read_timeout is -1s: it must be 0, which is no limit, or more"},
		{"write_timeout=-1s", "write_timeout is -1s: it must be 0, which is no limit, or more"},
		{"healthcheck_interval=soon", `healthcheck_interval is "soon" (environment): ` + needDuration},
		{"suppress_lock=yes", `suppress_lock is "yes" (environment): ` + needBool},
		{"pool_size=2.0", `pool_size is "2.0" (environment): it must be a whole number`},
		{"pool_size=-1", "pool_size is -1: it must be at least 1"},
		{"worker_concurrency=-1", "worker_concurrency is -1: it must be 0, which is what the worker says, or more"},
		{"queue_size=-2", "queue_size is -2: it must be 0 or more, or -1 for ten times the capacity"},
		{"queue_timeout=0", "queue_timeout is 0s: it must be more than 0"},
		{"retry=always", `retry is "always" (environment): it must be one of unsent, idempotent, off`},
		{"hello_timeout=0", "hello_timeout is 0s: it must be more than 0"},
		{"start_timeout=-5", "start_timeout is -5s: it must be more than 0"},
		{"exec_timeout=-5s", "exec_timeout is -5s: it must be 0, which is no limit, or more"},
		{"cancel_grace=-1", "cancel_grace is -1s: it must be 0 or more"},
		{"stop_timeout=0", "stop_timeout is 0s: it must be more than 0"},
		{"ping_interval=-1", "ping_interval is -1s: it must be 0, which turns the heartbeat off, or more"},
		{"ping_misses=0", "ping_misses is 0: it must be at least 1"},
		{"worker_max_requests=-1", "worker_max_requests is -1: it must be 0, which is never, or more"},
		{"worker_max_age=-1", "worker_max_age is -1s: it must be 0, which is no limit, or more"},
		{"recycle_jitter=101%", `recycle_jitter is "101%" (environment): it must be 0% to 100%`},
		{"worker_min_age=-1", "worker_min_age is -1s: it must be 0 or more"},
		{"worker_memory_soft=-1", `worker_memory_soft is "-1" (environment): ` + needLimit},
		{"worker_memory_hard=none", `worker_memory_hard is "none" (environment): ` + needLimit},
		{"memory_metric=uss", `memory_metric is "uss" (environment): it must be one of rss, pss`},
		{"memory_interval=-1", "memory_interval is -1s: it must be 0, which turns it off, or more"},
		{"log_format=xml", `log_format is "xml" (environment): it must be one of json, text`},
		{"log_level=INFO", `log_level is "INFO" (environment): it must be one of debug, info, warn, error`},
		{"log_buffer_size=abc", `log_buffer_size is "abc" (environment): ` + needSize},
		{"log_buffer_size=0", "log_buffer_size is 0: it must be 1 to 1GiB, or -1 for no limit"},
		{"log_buffer_size=-2", "log_buffer_size is -2: it must be 1 to 1GiB, or -1 for no limit"},
		{"log_buffer_size=1025M", "log_buffer_size is 1025MiB: it must be 1 to 1GiB, or -1 for no limit"},
	}
	tested := map[string]bool{}
	for _, test := range tests {
		t.Run(test.variable, func(t *testing.T) {
			_, err := input{environ: []string{test.variable}}.check(t)
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
		name, _, _ := strings.Cut(test.variable, "=")
		tested[name] = true
	}
	for _, row := range Table(new(Settings)) {
		if !tested[row.Name] {
			t.Errorf("no bad value of %s is tested", row.Name)
		}
	}
}

func TestEdgesOfTheRangesAreAllowed(t *testing.T) {
	for _, variables := range []string{
		"port=0", "port=0 metrics_port=0", "port=65535", "metrics_port=0", "queue_size=0", "healthcheck_interval=0", "healthcheck_interval=-1",
		"read_timeout=0", "write_timeout=0", "cancel_grace=0", "ping_interval=0", "ping_misses=1", "log_buffer_size=1",
		"log_buffer_size=1G", "log_buffer_size=-1", "queue_timeout=1ns",
	} {
		if _, err := (input{environ: strings.Fields(variables)}).check(t); err != nil {
			t.Errorf("%s: %v", variables, err)
		}
	}
}

func TestEveryBadSettingIsNamedAtOnce(t *testing.T) {
	in := input{
		args:    []string{"--pool-size=abc", "--queue-timeout=x", "--max-inflight=-3"},
		environ: []string{"mode=classic", "worker_concurrency=-1", "fprocess='"},
		file:    "suppress_lock: maybe\nqueue_sise: 3\nport: [1]\nstop_timeout: 0\n",
	}

	_, err := in.check(t)

	want := strings.Join([]string{
		`pool_size is "abc" (flag): it must be a whole number`,
		`queue_timeout is "x" (flag): ` + needDuration,
		`mode is "classic" (environment): it must be pool`,
		`suppress_lock is "maybe" (settings.yaml:1): ` + needBool,
		`settings.yaml:2: there is no setting queue_sise; did you mean queue_size?`,
		`settings.yaml:3: port is a sequence: it must be one plain value`,
		`fprocess is "'": a quote is not closed`,
		`worker_concurrency is -1: it must be 0, which is what the worker says, or more`,
		`stop_timeout is 0s: it must be more than 0`,
		`max_inflight is -3: it must be 0, which is no limit, or more`,
	}, "\n")
	if err == nil {
		t.Fatal("nothing was found")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestCommandIsTheFirstProcessThatIsSet(t *testing.T) {
	tests := []struct {
		name    string
		environ []string
		want    []string
	}{
		{"none", nil, nil},
		{"fprocess", []string{"fprocess=node 'a b.js'"}, []string{"node", "a b.js"}},
		{"function_process", []string{"function_process=python x.py"}, []string{"python", "x.py"}},
		{"fprocess over function_process", []string{"function_process=python x.py", "fprocess=node"}, []string{"node"}},
		{"an empty fprocess is none", []string{"function_process=python", "fprocess="}, []string{"python"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := input{environ: test.environ}.settings(t).Command()
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Errorf("%v, -want +got:\n%s", err, diff)
			}
		})
	}
}

func TestPartsGetWhatIsSet(t *testing.T) {
	got := input{environ: []string{
		"pool_size=1", "worker_concurrency=2", "queue_size=3", "queue_timeout=4", "stop_timeout=5",
		"max_inflight=6", "max_body=7", "read_timeout=8", "write_timeout=9", "exec_timeout=10",
		"ping_interval=11", "ping_misses=12", "hello_timeout=13", "start_timeout=14", "cancel_grace=15",
		"log_buffer_size=16", "worker_output=fd3", "retry=off", "worker_max_requests=17", "worker_max_age=18", "recycle_jitter=25%",
		"worker_min_age=19", "worker_memory_soft=20", "worker_memory_hard=21", "memory_metric=pss", "memory_interval=22",
	}}.settings(t)

	s := time.Second
	inWorker := worker.Config{Concurrency: 2, HelloTimeout: 13 * s, StartTimeout: 14 * s, CancelGrace: 15 * s, LineLimit: 16}
	inWorker.Command.FD3 = true
	for _, part := range []struct{ want, got any }{
		{pool.Config{Size: 1, Concurrency: 2, QueueSize: 3, QueueTimeout: 4 * s, StopTimeout: 5 * s,
			Retry: pool.RetryOff, MaxRequests: 17, MaxAge: 18 * s, Jitter: 0.25, MinAge: 19 * s}, got.Pool()},
		{server.Config{MaxInflight: 6, MaxBody: 7, ReadTimeout: 8 * s, WriteTimeout: 9 * s, ExecTimeout: 10 * s}, got.Server()},
		{supervisor.Config{PingInterval: 11 * s, PingMisses: 12, MemoryInterval: 22 * s, MemorySoft: 20, MemoryHard: 21,
			MemoryMetric: "pss", MinAge: 19 * s, Workers: 1}, got.Supervisor()},
		{inWorker, got.Worker()},
	} {
		if diff := cmp.Diff(part.want, part.got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

func TestWorkerGetsNoLineLimitAsZero(t *testing.T) {
	if got := (input{environ: []string{"log_buffer_size=-1"}}).settings(t).Worker().LineLimit; got != 0 {
		t.Errorf("the limit is %d, want 0, which is none", got)
	}
}

func TestWordsAreThoseOfThePartThatReadsThem(t *testing.T) {
	for name, want := range map[string][]string{
		"log_format": logging.Formats, "log_level": logging.Levels, "memory_metric": supervisor.Metrics,
		"retry": {string(pool.RetryUnsent), string(pool.RetryIdempotent), string(pool.RetryOff)},
	} {
		_, err := input{environ: []string{name + "=?"}}.check(t)
		if text := "it must be one of " + strings.Join(want, ", "); err == nil || !strings.HasSuffix(err.Error(), text) {
			t.Errorf("got %v, want %s", err, text)
		}
	}
}
