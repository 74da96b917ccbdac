package configs

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"fwatchdog/internal/logging"
	"fwatchdog/internal/process"
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
	long := strings.Repeat("x", 107)
	tests := []struct{ variable, want string }{
		{`fprocess=node "x`, `fprocess is "node \"x": a quote is not closed`},
		{`function_process=x\`, `function_process is "x\\": nothing follows the backslash at the end`},
		{"mode=magic", `mode is "magic" (environment): it must be one of pool, warm, classic, serializing, streaming, http, static`},
		{"mode=afterburn", `mode is "afterburn" (environment): there is no such mode any more: mode pool keeps long-lived processes, too`},
		{"handler_style=modern", `handler_style is "modern" (environment): it must be one of openfaas, classic, native`},
		{"worker_output=stderr", `worker_output is "stderr" (environment): it must be one of stdout, fd3`},
		{"config=/nowhere.yaml", `config is "/nowhere.yaml": it must be a file that can be read: open /nowhere.yaml: no such file or directory`},
		{"port=80a", `port is "80a" (environment): it must be a whole number`},
		{"PORT=80a", `port is "80a" (environment, PORT): it must be a whole number`},
		{"port=-1", `port is "-1" (environment): it must be 0 to 65535`},
		{"port=65536", `port is "65536" (environment): it must be 0 to 65535`},
		{"metrics_port=65536", `metrics_port is "65536" (environment): it must be 0 to 65535`},
		{"metrics_port=8080", `metrics_port is "8080" (environment): it must be another than port`},
		{"max_inflight=1e3", `max_inflight is "1e3" (environment): it must be a whole number`},
		{"max_inflight=99999999999999999999", `max_inflight is "99999999999999999999" (environment): it must be a whole number that fits 64 bits`},
		{"max_inflight=-1", `max_inflight is "-1" (environment): it must be 0, which is no limit, or more`},
		{"max_body=1MB", `max_body is "1MB" (environment): ` + needSize},
		{"max_body=99999999999999999999", `max_body is "99999999999999999999" (environment): it must be less than 8 EiB`},
		{"max_body=8589934592G", `max_body is "8589934592G" (environment): it must be less than 8 EiB`},
		{"worker_memory_soft=8589934592G", `worker_memory_soft is "8589934592G" (environment): it must be less than 8 EiB`},
		{"max_body=-1", `max_body is "-1" (environment): it must be 0, which is no limit, or more`},
		{"read_timeout=x", `read_timeout is "x" (environment): ` + needDuration},
		{"read_timeout=10000000000", `read_timeout is "10000000000" (environment): it must be less than 292 years`},
		{"read_timeout=1h99999999999s", `read_timeout is "1h99999999999s" (environment): it must be less than 292 years`},
		{"read_timeout=-1", `read_timeout is "-1" (environment): it must be 0, which is no limit, or more`},
		{"write_timeout=-1s", `write_timeout is "-1s" (environment): it must be 0, which is no limit, or more`},
		{"healthcheck_interval=soon", `healthcheck_interval is "soon" (environment): ` + needDuration},
		{"control_socket=/" + long, `control_socket is "/` + long + `" (environment): it must be at most 107 bytes long`},
		{"watch=/nowhere", `watch is "/nowhere" (environment): it must be a folder`},
		{"debug=yes", `debug is "yes" (environment): ` + needBool},
		{"tracing=on", `tracing is "on" (environment): ` + needBool},
		{"suppress_lock=yes", `suppress_lock is "yes" (environment): ` + needBool},
		{"content_type=text plain", `content_type is "text plain" (environment): it must be a media type such as text/plain`},
		{"cgi_headers=yes", `cgi_headers is "yes" (environment): ` + needBool},
		{"combine_output=no", `combine_output is "no" (environment): ` + needBool},
		{"marshal_request=2", `marshal_request is "2" (environment): ` + needBool},
		{"write_debug=on", `write_debug is "on" (environment): ` + needBool},
		{"debug_headers=off", `debug_headers is "off" (environment): ` + needBool},
		{"prefix_logs=y", `prefix_logs is "y" (environment): ` + needBool},
		{"upstream_url=:3000", `upstream_url is ":3000": missing protocol scheme`},
		{"upstream_url=https://127.0.0.1:3000", `upstream_url is "https://127.0.0.1:3000": it must be like http://127.0.0.1:3000, or http://127.0.0.1:{port}`},
		{"upstream_url=http://:3000", `upstream_url is "http://:3000": it must be like http://127.0.0.1:3000, or http://127.0.0.1:{port}`},
		{"upstream_url=http://localhost:8080", `upstream_url is "http://localhost:8080": that is the watchdog's own port: give the function another`},
		{"http_upstream_url=3000", `upstream_url is "3000": it must be like http://127.0.0.1:3000, or http://127.0.0.1:{port}`},
		{"mode=http", "upstream_url is not set (http_upstream_url): mode http needs to know where the function listens"},
		{"warm_headers=yes", `warm_headers is "yes" (environment): ` + needBool},
		{"jwt_auth=yes", `jwt_auth is "yes" (environment): ` + needBool},
		{"jwt_auth_local=yes", `jwt_auth_local is "yes" (environment): ` + needBool},
		{"jwt_auth_debug=yes", `jwt_auth_debug is "yes" (environment): ` + needBool},
		{"log_callid=yes", `log_callid is "yes" (environment): ` + needBool},
		{"http_buffer_req_body=yes", `http_buffer_req_body is "yes" (environment): ` + needBool},
		{"buffer_http=no", `buffer_http is "no" (environment): ` + needBool},
		{"ready_path=ready", `ready_path is "ready" (environment): it must be a path, which begins with /`},
		{"pool_size=2.0", `pool_size is "2.0" (environment): it must be a whole number`},
		{"pool_size=-1", `pool_size is "-1" (environment): it must be 0, which is the number of processors, or more`},
		{"pool_min=-1", `pool_min is "-1" (environment): it must be 0, which is the same as pool_size, or more`},
		{"pool_max=-1", `pool_max is "-1" (environment): it must be 0, which is the same as pool_size, or more`},
		{"pool_spare=-1", `pool_spare is "-1" (environment): it must be 0 or more`},
		{"worker_idle_timeout=-1", `worker_idle_timeout is "-1" (environment): it must be 0, which is never, or more`},
		{"worker_concurrency=-1", `worker_concurrency is "-1" (environment): it must be 0, which is what the worker says, or more`},
		{"queue_size=-2", `queue_size is "-2" (environment): it must be 0 or more, or -1 for ten times the capacity`},
		{"queue_timeout=0", `queue_timeout is "0" (environment): it must be more than 0`},
		{"retry=always", `retry is "always" (environment): it must be one of unsent, idempotent, off`},
		{"hello_timeout=0", `hello_timeout is "0" (environment): it must be more than 0`},
		{"start_timeout=-5", `start_timeout is "-5" (environment): it must be more than 0`},
		{"exec_timeout=-5s", `exec_timeout is "-5s" (environment): it must be 0, which is no limit, or more`},
		{"cancel_grace=-1", `cancel_grace is "-1" (environment): it must be 0 or more`},
		{"stop_timeout=0", `stop_timeout is "0" (environment): it must be more than 0`},
		{"ping_interval=-1", `ping_interval is "-1" (environment): it must be 0, which turns the heartbeat off, or more`},
		{"ping_misses=0", `ping_misses is "0" (environment): it must be at least 1`},
		{"worker_max_requests=-1", `worker_max_requests is "-1" (environment): it must be 0, which is never, or more`},
		{"worker_max_age=-1", `worker_max_age is "-1" (environment): it must be 0, which is no limit, or more`},
		{"worker_user=nobody-at-all", `worker_user is "nobody-at-all": there is no user "nobody-at-all" on this machine`},
		{"worker_user=12345", `worker_user is "12345": this machine does not know the user: name its group, too, as in 12345:12345`},
		{"worker_user=0:no-group", `worker_user is "0:no-group": there is no group "no-group" on this machine`},
		{"worker_env=A,,B", `worker_env is "A,,B": it must be names with commas between them; a * may stand at the end of a name, as in LANG, DB_*`},
		{"worker_env=A*B", `worker_env is "A*B": it must be names with commas between them; a * may stand at the end of a name, as in LANG, DB_*`},
		{"worker_nofile=-1", `worker_nofile is "-1" (environment): it must be 0, which is what the watchdog was started with, or more`},
		{"recycle_jitter=101%", `recycle_jitter is "101%" (environment): it must be 0% to 100%`},
		{"worker_min_age=-1", `worker_min_age is "-1" (environment): it must be 0 or more`},
		{"worker_memory_soft=-1", `worker_memory_soft is "-1" (environment): ` + needLimit},
		{"worker_memory_hard=none", `worker_memory_hard is "none" (environment): ` + needLimit},
		{"memory_metric=uss", `memory_metric is "uss" (environment): it must be one of rss, pss`},
		{"memory_interval=-1", `memory_interval is "-1" (environment): it must be 0, which turns it off, or more`},
		{"log_format=xml", `log_format is "xml" (environment): it must be one of json, text, openfaas`},
		{"log_level=INFO", `log_level is "INFO" (environment): it must be one of debug, info, warn, error`},
		{"log_rate=-1", `log_rate is "-1" (environment): it must be 0, which is no limit, or more`},
		{"access_log=some", `access_log is "some" (environment): it must be one of off, errors, all`},
		{"slow_log=-1s", `slow_log is "-1s" (environment): it must be 0, which is never, or more`},
		{"log_buffer_size=abc", `log_buffer_size is "abc" (environment): invalid log_buffer_size value: abc: ` + needSize},
		{"log_buffer_size=0", `log_buffer_size is "0" (environment): it must be 1 to 1GiB, or -1 for no limit`},
		{"log_buffer_size=-2", `log_buffer_size is "-2" (environment): it must be 1 to 1GiB, or -1 for no limit`},
		{"log_buffer_size=1025M", `log_buffer_size is "1025M" (environment): it must be 1 to 1GiB, or -1 for no limit`},
	}
	tested := map[string]bool{"static_path": true} // any text is good
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
		"log_buffer_size=1G", "log_buffer_size=-1", "queue_timeout=1ns", "worker_idle_timeout=0", "pool_min=1 pool_max=1 pool_spare=1",
	} {
		if _, err := (input{environ: strings.Fields(variables)}).check(t); err != nil {
			t.Errorf("%s: %v", variables, err)
		}
	}
}

func TestSizesThatAreNotSetFollowFromThoseThatAre(t *testing.T) {
	type sizes struct{ size, least, most int }
	for _, test := range []struct {
		name       string
		set        sizes
		processors int
		want       sizes
	}{
		{"nothing is set", sizes{}, 4, sizes{4, 4, 4}},
		{"a size", sizes{size: 3}, 4, sizes{3, 3, 3}},
		{"a lower bound", sizes{least: 1}, 4, sizes{1, 1, 4}},
		{"a lower bound over the processors", sizes{least: 8}, 4, sizes{8, 8, 8}},
		{"an upper bound", sizes{most: 8}, 4, sizes{4, 4, 8}},
		{"an upper bound below the processors", sizes{most: 2}, 4, sizes{2, 2, 2}},
		{"both bounds", sizes{least: 1, most: 8}, 4, sizes{1, 1, 8}},
		{"size and lower bound", sizes{size: 4, least: 1}, 2, sizes{4, 1, 4}},
		{"size and upper bound", sizes{size: 4, most: 8}, 2, sizes{4, 4, 8}},
		{"all three", sizes{2, 1, 8}, 4, sizes{2, 1, 8}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &Settings{PoolSize: test.set.size, PoolMin: test.set.least, PoolMax: test.set.most}
			s.settleSize(test.processors)
			if got := (sizes{s.PoolSize, s.PoolMin, s.PoolMax}); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestSizesThatContradictOneAnotherStopTheStart(t *testing.T) {
	stands := " (pool_size stands for the one that is not set)"
	for variables, want := range map[string]string{
		"pool_min=4 pool_max=2":                                    `pool_min is "4" (environment): it must be at most pool_max, which is 2` + stands,
		"pool_size=4 pool_min=8":                                   `pool_min is "8" (environment): it must be at most pool_max, which is 4` + stands,
		"pool_size=4 pool_max=2":                                   `pool_size is "4" (environment): it must be at most pool_max, which is 2` + stands,
		"mode=http pool_size=2 upstream_url=http://127.0.0.1:3000": `pool_size is "2" (environment): it must be 1, where workers share a port`,
		"pool_size=9 pool_min=1 pool_max=4":                        `pool_size is "9" (environment): it must be from pool_min to pool_max, which are 1 and 4, or not be set beside them`,
		"pool_min=1 pool_max=2 pool_spare=3":                       `pool_spare is "3" (environment): it must be at most pool_max, which is 2`,
	} {
		_, err := input{environ: strings.Fields(variables)}.check(t)
		if err == nil || err.Error() != want {
			t.Errorf("%s: got  %v\nwant %s", variables, err, want)
		}
	}
}

func TestEveryBadSettingIsNamedAtOnce(t *testing.T) {
	in := input{
		args:    []string{"--pool-size=abc", "--queue-timeout=x", "--max-inflight=-3"},
		environ: []string{"mode=magic", "worker_concurrency=-1", "fprocess='"},
		file:    "suppress_lock: maybe\nqueue_sise: 3\nport: [1]\nstop_timeout: 0\n",
	}

	_, err := in.check(t)

	want := strings.Join([]string{
		`pool_size is "abc" (flag): it must be a whole number`,
		`queue_timeout is "x" (flag): ` + needDuration,
		`mode is "magic" (environment): it must be one of pool, warm, classic, serializing, streaming, http, static`,
		`suppress_lock is "maybe" (settings.yaml:1): ` + needBool,
		`settings.yaml:2: there is no setting queue_sise; did you mean queue_size?`,
		`settings.yaml:3: port is a sequence: it must be one plain value`,
		`fprocess is "'": a quote is not closed`,
		`worker_concurrency is "-1" (environment): it must be 0, which is what the worker says, or more`,
		`stop_timeout is "0" (settings.yaml:4): it must be more than 0`,
		`max_inflight is "-3" (flag): it must be 0, which is no limit, or more`,
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
		name string
		in   input
		want []string
	}{
		{"none", input{}, nil},
		{"fprocess", input{environ: []string{"fprocess=node 'a b.js'"}}, []string{"node", "a b.js"}},
		{"function_process", input{environ: []string{"function_process=python x.py"}}, []string{"python", "x.py"}},
		{"fprocess over function_process", input{environ: []string{"function_process=python x.py", "fprocess=node"}}, []string{"node"}},
		{"the other way in of-watchdog's modes", input{environ: []string{"mode=streaming", "function_process=python x.py", "fprocess=node"}},
			[]string{"python", "x.py"}},
		{"a flag over the environment", input{args: []string{"--fprocess=node"}, environ: []string{"mode=streaming", "function_process=python"}},
			[]string{"node"}},
		{"the environment over the file", input{environ: []string{"function_process=python"}, file: "fprocess: node\n"}, []string{"python"}},
		{"an empty fprocess is none", input{environ: []string{"function_process=python", "fprocess="}}, []string{"python"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.in.settings(t).Command()
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Errorf("%v, -want +got:\n%s", err, diff)
			}
		})
	}
}

func TestPartsGetWhatIsSet(t *testing.T) {
	got := input{environ: []string{
		"pool_size=2", "pool_min=1", "pool_max=4", "pool_spare=3", "worker_idle_timeout=30", "worker_concurrency=2", "queue_size=3", "queue_timeout=4", "stop_timeout=5",
		"max_inflight=6", "max_body=7", "read_timeout=8", "write_timeout=9", "exec_timeout=10",
		"ping_interval=11", "ping_misses=12", "hello_timeout=13", "start_timeout=14", "cancel_grace=15",
		"log_buffer_size=16", "worker_output=fd3", "retry=off", "worker_max_requests=17", "worker_max_age=18", "recycle_jitter=25%",
		"worker_min_age=19", "worker_memory_soft=20", "worker_memory_hard=21", "memory_metric=pss", "memory_interval=22",
		"worker_user=65534:65533", "worker_env=B*", "worker_nofile=23", "slow_log=24",
	}}.settings(t)

	s := time.Second
	inWorker := worker.Config{Concurrency: 2, HelloTimeout: 13 * s, StartTimeout: 14 * s, CancelGrace: 15 * s, SlowAfter: 24 * s, LineLimit: 16, LineRate: 10000}
	inWorker.Command = process.Command{Env: []string{"B=1"}, User: &process.User{Uid: 65534, Gid: 65533}, Nofile: 23, FD3: true}
	for _, part := range []struct{ want, got any }{
		{pool.Config{Size: 2, Min: 1, Max: 4, Spare: 3, Concurrency: 2, QueueSize: 3, QueueTimeout: 4 * s, StopTimeout: 5 * s,
			Retry: pool.RetryOff, MaxRequests: 17, MaxAge: 18 * s, Jitter: 0.25, MinAge: 19 * s}, got.Pool()},
		{server.Config{MaxInflight: 6, MaxBody: 7, ReadTimeout: 8 * s, WriteTimeout: 9 * s, ExecTimeout: 10 * s, SlowLog: 24 * s}, got.Server()},
		{supervisor.Config{PingInterval: 11 * s, PingMisses: 12, MemoryInterval: 22 * s, MemorySoft: 20, MemoryHard: 21,
			MemoryMetric: "pss", MinAge: 19 * s, Workers: 4, IdleTimeout: 30 * s}, got.Supervisor()},
		{inWorker, got.Worker([]string{"A=1", "B=1"})},
	} {
		if diff := cmp.Diff(part.want, part.got, cmpopts.IgnoreUnexported(server.Profile{})); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

func TestWorkerGetsNoLineLimitAsZero(t *testing.T) {
	if got := (input{environ: []string{"log_buffer_size=-1"}}).settings(t).Worker(nil).LineLimit; got != 0 {
		t.Errorf("the limit is %d, want 0, which is none", got)
	}
}

func TestWordsAreThoseOfThePartThatReadsThem(t *testing.T) {
	for name, want := range map[string][]string{
		"access_log": server.AccessLogs, "log_format": logging.Formats, "log_level": logging.Levels, "memory_metric": supervisor.Metrics,
		"retry": {string(pool.RetryUnsent), string(pool.RetryIdempotent), string(pool.RetryOff)},
	} {
		_, err := input{environ: []string{name + "=?"}}.check(t)
		if text := "it must be one of " + strings.Join(want, ", "); err == nil || !strings.HasSuffix(err.Error(), text) {
			t.Errorf("got %v, want %s", err, text)
		}
	}
}

func TestUpstreamURLIsTheOneFromTheStrongerOrigin(t *testing.T) {
	const ours, theirs = "upstream_url=http://ours:1", "http_upstream_url=http://theirs:2"
	for _, test := range []struct {
		name string
		in   input
		want string
	}{
		{"one", input{environ: []string{ours}}, "http://ours:1"},
		{"the other", input{environ: []string{theirs}}, "http://theirs:2"},
		{"both", input{environ: []string{ours, theirs}}, "http://theirs:2"},
		{"a flag and a variable", input{environ: []string{theirs}, args: []string{"--upstream-url", "http://ours:1"}}, "http://ours:1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.in.settings(t).Upstream(nil).URL; got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
