package configs

import (
	"testing"
	"time"
)

func TestFileHoldsValuesOfEveryKind(t *testing.T) {
	got := input{file: `
# a comment
pool_size: 3          # a number
queue_size: "4"       # a number in quotes
queue_timeout: 1.5    # seconds
stop_timeout: 7
exec_timeout: 1m30s
max_body: 256MiB
log_buffer_size: 1024
suppress_lock: True
port: 010             # ten, as in a variable
log_level: 'debug'
fprocess: >
  node
  --max-old-space-size=200
  "my handler.js"
function_process: |
  python \
    x.py
`}.settings(t)

	if got.PoolSize != 3 || got.QueueSize != 4 || got.Port != 10 {
		t.Errorf("numbers: %d %d %d", got.PoolSize, got.QueueSize, got.Port)
	}
	if got.QueueTimeout != 1500*time.Millisecond || got.StopTimeout != 7*time.Second || got.ExecTimeout != 90*time.Second {
		t.Errorf("durations: %v %v %v", got.QueueTimeout, got.StopTimeout, got.ExecTimeout)
	}
	if got.MaxBody != 256<<20 || got.LogBufferSize != 1024 || !got.SuppressLock || got.LogLevel != "debug" {
		t.Errorf("sizes, bool, text: %v %v %v %q", got.MaxBody, got.LogBufferSize, got.SuppressLock, got.LogLevel)
	}
	if words, err := got.Command(); err != nil || len(words) != 3 || words[2] != "my handler.js" {
		t.Errorf("folded command: %q %v", words, err)
	}
	got.Fprocess = ""
	if words, err := got.Command(); err != nil || len(words) != 2 || words[1] != "x.py" {
		t.Errorf("command with a joined line: %q %v", words, err)
	}
}

func TestBadFileIsNamedWithItsLine(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"a tab", "port: 1\n\tmode: pool", `settings.yaml:2: found character '	' that cannot start any token`},
		{"an open quote", "port: 1\nmode: \"pool\nport: 2", "settings.yaml:2: could not find end character of double-quoted text"},
		{"the same key twice", "port: 1\nport: 2", `settings.yaml:2: mapping key "port" already defined at [1:1]`},
		{"a list", "# x\n- port", "settings.yaml:2: it must be settings, each as name: value"},
		{"a text", "port", "settings.yaml:1: it must be settings, each as name: value"},
		{"a second document", "port: 1\n---\nport: 2", "settings.yaml:2: there must be one document"},
		{"a document after an empty one", "# x\n---\n# y\n---\nport: 2", "settings.yaml:4: there must be one document"},
		{"a document after an end", "---\nport: 1\n...\nport: 2", "settings.yaml:3: there must be one document"},
		{"a near miss", "mode: pool\npool_sise: 3", "settings.yaml:2: there is no setting pool_sise; did you mean pool_size?"},
		{"dashes", "queue-timeout: 3", "settings.yaml:1: there is no setting queue-timeout; did you mean queue_timeout?"},
		{"capitals", "PORT: 3", "settings.yaml:1: there is no setting PORT; did you mean port?"},
		{"a beginning", "worker_memory: 3", "settings.yaml:1: there is no setting worker_memory; did you mean one of worker_memory_soft, worker_memory_hard?"},
		{"nothing near", "replicas: 3", "settings.yaml:1: there is no setting replicas"},
		{"another file", "config: x.yaml", "settings.yaml:1: config cannot be set in a file"},
		{"a map for a value", "port:\n  http: 1", "settings.yaml:1: port is a mapping: it must be one plain value"},
		{"a tag", "port: !!str 1", "settings.yaml:1: port is a tag: it must be one plain value"},
		{"a bad value", "mode: pool\nport: .inf", `port is ".inf" (settings.yaml:2): it must be a whole number`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := input{file: test.file}.check(t)
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestDistanceCountsSlips(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{{"", "", 0}, {"port", "port", 0}, {"port", "prt", 1}, {"prt", "port", 1}, {"port", "pert", 1}, {"", "abc", 3},
		{"pool_sise", "pool_size", 1}, {"kitten", "sitting", 3}}
	for _, test := range tests {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("from %q to %q are %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
