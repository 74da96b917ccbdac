package configs

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/pflag"

	"fwatchdog/supervisor"
)

// input is what somebody who starts the watchdog gives it.
type input struct {
	args    []string
	environ []string
	file    string // the text of a YAML file; no file when empty
}

// path is where the file of an input lies.
func (in input) path(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(path, []byte(in.file), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// check reads the settings as the command does, and returns what Read says. The file is called settings.yaml there.
func (in input) check(t *testing.T) (*Settings, error) {
	t.Helper()
	if in.file != "" {
		t.Chdir(filepath.Dir(in.path(t)))
		in.environ = append(in.environ, "config=settings.yaml")
	}
	source := NewSource(in.environ)
	if err := flagsOf(source).Parse(in.args); err != nil {
		t.Fatalf("a flag is wrong: %v", err)
	}
	return source.Read()
}

// flagsOf is a set of flags with every setting in it.
func flagsOf(source *Source) *pflag.FlagSet {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	source.AddFlags(flags)
	return flags
}

// settings are those of an input with which nothing is wrong.
func (in input) settings(t *testing.T) *Settings {
	t.Helper()
	settings, err := in.check(t)
	if err != nil {
		t.Fatal(err)
	}
	return settings
}

func TestDefaultsAreThoseOfTheContract(t *testing.T) {
	got := input{}.settings(t)

	want := &Settings{
		Mode: "pool", WorkerOutput: "stdout", HandlerStyle: "openfaas",
		Port: 8080, MetricsPort: 8081, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
		HealthcheckInterval: 5 * time.Second, Tracing: true,
		PoolSize: runtime.GOMAXPROCS(0), PoolMin: runtime.GOMAXPROCS(0), PoolMax: runtime.GOMAXPROCS(0),
		WorkerIdleTimeout: time.Minute, QueueSize: -1, QueueTimeout: 10 * time.Second, Retry: "unsent",
		HelloTimeout: 10 * time.Second, StartTimeout: 60 * time.Second, CancelGrace: 2 * time.Second,
		StopTimeout: 10 * time.Second, PingInterval: 5 * time.Second, PingMisses: 3,
		RecycleJitter: 10, WorkerMinAge: 10 * time.Second,
		WorkerMemorySoft: MemoryLimit(supervisor.Auto), WorkerMemoryHard: MemoryLimit(supervisor.Auto),
		MemoryMetric: "rss", MemoryInterval: time.Second,
		LogLevel: "info", LogRate: 10000, LogBufferSize: 65536, PrefixLogs: true,
		CGIHeaders: true, CombineOutput: true, StaticPath: "/home/app/public",
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Settings{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestEverySettingCanBeSetInEveryWay(t *testing.T) {
	values := map[string]string{
		"fprocess": "a b", "function_process": "c", "mode": "pool", "worker_output": "fd3", "handler_style": "native",
		"port": "1", "metrics_port": "2", "max_inflight": "3", "max_body": "4KiB", "read_timeout": "5s",
		"write_timeout": "6s", "healthcheck_interval": "7s", "suppress_lock": "true",
		"control_socket": "/run/f.sock", "debug": "true", "tracing": "false", "watch": "/",
		"pool_size": "8", "pool_min": "7", "pool_max": "9", "pool_spare": "1", "worker_idle_timeout": "26s", "worker_concurrency": "9", "queue_size": "10", "queue_timeout": "11s", "retry": "idempotent",
		"hello_timeout": "12s", "start_timeout": "13s", "exec_timeout": "14s", "cancel_grace": "15s",
		"stop_timeout": "16s", "ping_interval": "17s", "ping_misses": "18",
		"worker_user": "26:27", "worker_env": "A, B*", "worker_nofile": "28",
		"worker_max_requests": "20", "worker_max_age": "21s", "recycle_jitter": "22.5%", "worker_min_age": "23s",
		"worker_memory_soft": "24MiB", "worker_memory_hard": "off", "memory_metric": "pss", "memory_interval": "25s",
		"log_format": "text", "log_level": "warn", "access_log": "off", "slow_log": "29s", "log_rate": "30", "log_buffer_size": "19KiB", "prefix_logs": "false",
		"content_type": "a/b", "cgi_headers": "false", "combine_output": "false", "marshal_request": "true",
		"write_debug": "true", "debug_headers": "true", "ready_path": "/r", "static_path": "/s",
		"warm_headers": "true", "log_callid": "true", "jwt_auth": "true", "jwt_auth_local": "true", "jwt_auth_debug": "true",
		"upstream_url": "http://h:1", "http_upstream_url": "http://h:2", "http_buffer_req_body": "true", "buffer_http": "true",
	}
	for _, row := range Table(new(Settings)) {
		if row.Name == "config" { // which is tested by its use
			continue
		}
		value, ok := values[row.Name]
		if !ok {
			t.Errorf("%s is not tested", row.Name)
		}
		flag := "--" + strings.ReplaceAll(row.Name, "_", "-") + "=" + value
		for origin, in := range map[Origin]input{
			Flag:        {args: []string{flag}},
			Environment: {environ: []string{row.Name + "=" + value}},
			File:        {file: row.Name + ": " + value},
		} {
			t.Run(row.Name+" by "+string(origin), func(t *testing.T) {
				got := rowOf(t, in.settings(t), row.Name)
				if got.Value != value || got.Origin != origin {
					t.Errorf("got %q by %s, want %q by %s", got.Value, got.Origin, value, origin)
				}
			})
		}
	}
}

func rowOf(t *testing.T, settings *Settings, name string) Row {
	t.Helper()
	for _, row := range Table(settings) {
		if row.Name == name {
			return row
		}
	}
	t.Fatalf("there is no setting %s", name)
	return Row{}
}

func TestStrongerOriginWins(t *testing.T) {
	const file = "queue_timeout: 3s\nport: 3"
	tests := []struct {
		name   string
		in     input
		want   time.Duration
		port   int
		origin Origin
	}{
		{"default when nothing is set", input{}, 10 * time.Second, 8080, Default},
		{"file over default", input{file: file}, 3 * time.Second, 3, File},
		{"environment over file", input{file: file, environ: []string{"queue_timeout=2s", "port=2"}}, 2 * time.Second, 2, Environment},
		{"flag over environment and file", input{file: file, environ: []string{"queue_timeout=2s", "port=2", "PORT=4"},
			args: []string{"--queue-timeout=1s", "--port", "1"}}, time.Second, 1, Flag},
		{"flag over a bad value elsewhere", input{file: "queue_timeout: x\nport: x", environ: []string{"queue_timeout=y", "port=y"},
			args: []string{"--queue-timeout=1s", "--port=1"}}, time.Second, 1, Flag},
		{"last flag of several", input{args: []string{"--port=5", "--queue-timeout=5s", "--port=1", "--queue-timeout=1s"}},
			time.Second, 1, Flag},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := test.in.settings(t)
			if got.QueueTimeout != test.want || got.Port != test.port {
				t.Errorf("queue_timeout is %v and port %d, want %v and %d", got.QueueTimeout, got.Port, test.want, test.port)
			}
			if row := rowOf(t, got, "port"); row.Origin != test.origin {
				t.Errorf("port is said to come from %s, want %s", row.Origin, test.origin)
			}
		})
	}
}

func TestConfigFileOfTheFlagWinsOverThatOfTheEnvironment(t *testing.T) {
	byFlag, byEnvironment := input{file: "port: 1"}.path(t), input{file: "port: 2"}.path(t)

	in := input{args: []string{"--config", byFlag}, environ: []string{"config=" + byEnvironment}}

	if got := in.settings(t).Port; got != 1 {
		t.Errorf("port is %d, want that of the flag's file", got)
	}
}

func TestPlatformsPortIsHonoured(t *testing.T) {
	tests := []struct {
		name string
		in   input
		want int
	}{
		{"PORT alone", input{environ: []string{"PORT=1"}}, 1},
		{"PORT over the file", input{environ: []string{"PORT=1"}, file: "port: 2"}, 1},
		{"port over PORT", input{environ: []string{"PORT=1", "port=2"}}, 2},
		{"an empty port does not hide PORT", input{environ: []string{"PORT=1", "port="}}, 1},
		{"no other setting has a name in capitals", input{environ: []string{"METRICS_PORT=1", "PORT="}}, 8080},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.in.settings(t); got.Port != test.want || got.MetricsPort != 8081 {
				t.Errorf("port is %d and metrics_port %d, want %d and 8081", got.Port, got.MetricsPort, test.want)
			}
		})
	}
}

func TestEmptyCountsAsNotSet(t *testing.T) {
	for name, in := range map[string]input{
		"empty variable":                     {environ: []string{"pool_size=", "log_level=", "queue_timeout=", "suppress_lock=", "fprocess="}},
		"empty variable does not hide file":  {environ: []string{"pool_size="}, file: "pool_size: 7"},
		"empty value in the file":            {file: "pool_size:\nlog_level: ''\nqueue_timeout: ~\nsuppress_lock: null"},
		"file with nothing but comments":     {file: "# pool_size: 7\n"},
		"file that is one null":              {file: "null"},
		"file that is an empty document":     {file: "# x\n---\n# y\n"},
		"variable without an equals sign":    {environ: []string{"pool_size"}},
		"config that is an empty text":       {environ: []string{"config="}},
		"unknown variable of the function's": {environ: []string{"pool_sise=7", "help=1"}},
	} {
		t.Run(name, func(t *testing.T) {
			want := runtime.GOMAXPROCS(0)
			if strings.Contains(in.file, "pool_size: 7") && in.environ != nil {
				want = 7
			}
			if got := in.settings(t); got.PoolSize != want || got.LogLevel != "info" || got.QueueTimeout != 10*time.Second {
				t.Errorf("got %+v, want pool_size %d and defaults", got, want)
			}
		})
	}
}

func TestBoolFlagNeedsNoValue(t *testing.T) {
	for arg, want := range map[string]bool{"--suppress-lock": true, "--suppress-lock=f": false, "--port=1": false} {
		if got := (input{args: []string{arg}}).settings(t).SuppressLock; got != want {
			t.Errorf("%s: suppress_lock is %v", arg, got)
		}
	}
}

func TestFlagWithoutAValueStopsParsing(t *testing.T) {
	for _, args := range [][]string{{"--pool-size"}, {"--pool-size", "--port=1"}, {"--fprocess", "-w"}} {
		if err := flagsOf(NewSource(nil)).Parse(args); err == nil || !strings.Contains(err.Error(), args[0]) {
			t.Errorf("%q: got %v, want an error that names the flag", args, err)
		}
	}
	for _, args := range [][]string{{"--queue-size", "-1"}, {"--fprocess", "-"}} {
		if err := flagsOf(NewSource(nil)).Parse(args); err != nil {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// A command may have flags of its own, which are no settings.
func TestFlagsOfCommandsAreReadByTheSameRules(t *testing.T) {
	var own struct {
		Wait   time.Duration `default:"1m" help:"How long." short:"w" placeholder:"LONG"`
		Header []string      `help:"May be repeated."`
		Target string        `default:"/" help:"What."`
		DryRun bool          `help:"Whether."`
		hidden bool
	}
	source := NewSource([]string{"wait=1h", "dry_run=maybe"})
	flags := flagsOf(source)
	AddFlags(flags, &own)
	if own.Wait != time.Minute || own.Target != "/" || own.hidden {
		t.Errorf("the defaults are %+v", own)
	}
	err := flags.Parse([]string{"-w", "2", "--header=a, b", "--header", "-c", "--dry-run", "--port=1"})
	settings, bad := source.Read()
	if err != nil || bad != nil || settings.Port != 1 {
		t.Fatalf("%v, %v, port is %d", err, bad, settings.Port)
	}
	if own.Wait != 2*time.Second || len(own.Header) != 2 || own.Header[0] != "a, b" || own.Header[1] != "-c" || !own.DryRun {
		t.Errorf("got %+v", own)
	}
	if err := flags.Parse([]string{"--wait=x"}); err == nil || !strings.Contains(err.Error(), "it must be a duration") {
		t.Errorf("got %v, want an error that tells what is allowed", err)
	}
	for name, want := range map[string]string{"wait": "LONG", "target": "/", "dry-run": "", "port": "8080", "config": "FILE"} {
		if got := flags.Lookup(name).Value.Type(); got != want {
			t.Errorf("a help would show %q for the value of %s, want %q", got, name, want)
		}
	}
}

func TestEverySettingIsAFlagWithAMeaningAndAGroup(t *testing.T) {
	flags := flagsOf(NewSource(nil))
	seen := 0
	flags.VisitAll(func(f *pflag.Flag) {
		seen++
		if f.Usage == "" || GroupOf(f) == "" || strings.Trim(f.Name, "abcdefghijklmnopqrstuvwxyz-") != "" {
			t.Errorf("%s: meaning %q, group %q", f.Name, f.Usage, GroupOf(f))
		}
		if f.NoOptDefVal == "" && f.Value.Type() == "" {
			t.Errorf("%s: nothing stands for its value in a help: it needs a placeholder or a default", f.Name)
		}
	})
	if want := len(Table(new(Settings))); seen != want {
		t.Errorf("%d settings are flags, want %d", seen, want)
	}
}
