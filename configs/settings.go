// Package configs holds every setting once: its name, its default and what it means. A setting is an environment
// variable in the style of OpenFaaS (lower case, underscores), a key of the same name in a YAML file and a flag with
// dashes; the flag wins over the environment, and that over the file. Whichever way a value came, the same rules read
// it, and one that they refuse stops the start: nothing becomes a default in silence.
//
// Every part of the watchdog has a Config of its own, which this package fills. It starts nothing.
package configs

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"fwatchdog/internal/auth"
	"fwatchdog/internal/fork"
	"fwatchdog/internal/process"
	"fwatchdog/internal/tracing"
	"fwatchdog/pool"
	"fwatchdog/server"
	"fwatchdog/supervisor"
	"fwatchdog/worker"
)

// Settings is every setting. The type option says what the tags mean.
type Settings struct {
	Fprocess        string `help:"The function process, split as a shell does, without a shell. {heap_mb} in it becomes 70 % of what a worker may take, in MiB." placeholder:"COMMAND" group:"Function"`
	FunctionProcess string `help:"The same; it counts when fprocess is not set." placeholder:"COMMAND" group:"Function"`
	Mode            Mode   `default:"pool" help:"pool: long-lived workers that speak FWP/1. warm: stdin/stdout programs as they are, started before the request and used once. classic: one process a request, as classic-watchdog. serializing, streaming, http, static: as of-watchdog." group:"Function"`
	WorkerOutput    string `default:"stdout" oneof:"stdout,fd3" help:"Where a worker writes its frames: stdout, or fd3, which leaves stdout to its prints." group:"Function"`
	HandlerStyle    string `default:"openfaas" oneof:"openfaas,classic,native" help:"How the templates of Node and Python call the function, which see it as a variable: openfaas, classic (as the templates node and python3 of OpenFaaS did) or native (as the SDK does)." placeholder:"STYLE" group:"Function"`
	WarmHeaders     bool   `default:"false" help:"Mode warm: the program reads method, target and headers as a JSON object on a line of its own before the body." group:"Function"`
	UpstreamURL     string `help:"Mode http: where the function listens, as in http://127.0.0.1:3000. {port} in it, and in fprocess, becomes a free port for each of pool_size processes, which is also in their variables PORT and http_port; without it there is one process." placeholder:"URL" group:"Function"`
	HTTPUpstreamURL string `name:"http_upstream_url" help:"The same; it counts when both are set, unless upstream_url is from a stronger origin." placeholder:"URL" group:"Function"`
	Config          string `help:"A YAML file with settings." placeholder:"FILE" group:"Function"`

	Port                int           `default:"8080" help:"The functions' port; 0 takes a free one. The variable PORT is honoured, too." group:"HTTP"`
	MetricsPort         int           `default:"8081" help:"The port of the metrics; 0 turns it off." group:"HTTP"`
	MaxInflight         int           `default:"0" help:"Requests in flight in all, waiting ones too; then 429. 0 is no limit." group:"HTTP"`
	MaxBody             Size          `default:"0" help:"The largest body of a request; then 413. 0 is no limit." group:"HTTP"`
	ReadTimeout         time.Duration `default:"30s" help:"The client's header, and each further piece of its body; also how long an idle connection is kept. 0 is no limit." group:"HTTP"`
	WriteTimeout        time.Duration `default:"30s" help:"Each piece of the response that the client takes. 0 is no limit." group:"HTTP"`
	HealthcheckInterval time.Duration `default:"5s" auto:"5s; write_timeout in the modes of the OpenFaaS watchdogs" help:"SIGTERM to the closing of the listener, while requests are still served; 0 or less is no pause." group:"HTTP"`
	SuppressLock        bool          `default:"false" help:"No lock file in TMPDIR." group:"HTTP"`

	ContentType       string `auto:"application/octet-stream in modes serializing and streaming" help:"The Content-Type of answers in modes warm, classic, serializing and streaming; in the first two, when not set, the request's, or else what the answer looks like." placeholder:"TYPE" group:"OpenFaaS"`
	CGIHeaders        bool   `name:"cgi_headers" default:"true" help:"Mode classic: headers, method, path and query as Http_ variables of the process." group:"OpenFaaS"`
	CombineOutput     bool   `default:"true" help:"Mode classic: stderr is part of the answer; false logs it." group:"OpenFaaS"`
	MarshalRequest    bool   `default:"false" help:"Mode classic: the process reads header and body as a JSON object." group:"OpenFaaS"`
	WriteDebug        bool   `default:"false" help:"Mode classic: answers are written to the watchdog's stdout, too." group:"OpenFaaS"`
	DebugHeaders      bool   `default:"false" help:"Mode classic: headers are written to the watchdog's stdout." group:"OpenFaaS"`
	HTTPBufferReqBody bool   `name:"http_buffer_req_body" default:"false" help:"Mode http: a request's body is read whole before the function is called." group:"OpenFaaS"`
	BufferHTTP        bool   `default:"false" help:"The same; one of the two is enough." group:"OpenFaaS"`
	JWTAuth           bool   `name:"jwt_auth" default:"false" help:"Only requests with a token that the gateway issued for this function reach it; OPENFAAS_NAME and OPENFAAS_NAMESPACE say which that is." group:"OpenFaaS"`
	JWTAuthLocal      bool   `name:"jwt_auth_local" default:"false" help:"With jwt_auth: the issuer is at 127.0.0.1:8000, and not the cluster's gateway." group:"OpenFaaS"`
	JWTAuthDebug      bool   `name:"jwt_auth_debug" default:"false" help:"With jwt_auth: a log of format openfaas tells the issuer at the start; the other formats always do, and tell the reason of each refusal, too." group:"OpenFaaS"`
	ReadyPath         string `help:"A path of the function that /_/ready asks, in the modes of of-watchdog." placeholder:"/PATH" group:"OpenFaaS"`
	StaticPath        string `default:"/home/app/public" help:"The folder that mode static serves." placeholder:"FOLDER" group:"OpenFaaS"`

	ControlSocket string `auto:"fwatchdog.sock in TMPDIR" help:"The socket of the commands status, reload, scale and stop; only the user of the instance may open it." placeholder:"PATH" group:"Operation"`
	Debug         bool   `default:"false" help:"Show profiles for Go's pprof at /debug/pprof on metrics_port." group:"Operation"`
	Tracing       bool   `default:"true" help:"Spans of requests are sent to the OpenTelemetry collector that OTEL_EXPORTER_OTLP_ENDPOINT names, where it is set; false never sends any." group:"Operation"`
	Watch         string `help:"A folder: when a file below it changes the workers are replaced, for development. While the new ones cannot be started the old ones serve on, and answers say so in X-Fwatchdog-Reload-Error." placeholder:"FOLDER" group:"Operation"`

	PoolSize          int           `default:"0" auto:"number of CPUs" help:"Workers kept ready; 0 is the number of CPUs, or the container's share of them (2 at least, where there are 2). It stands for pool_min and pool_max where these are not set; an elastic pool begins with so many." placeholder:"N" group:"Pool"`
	PoolMin           int           `default:"0" auto:"same as pool_size" help:"The fewest workers of an elastic pool, and what it begins with when pool_size is not set." placeholder:"N" group:"Pool"`
	PoolMax           int           `default:"0" auto:"same as pool_size" help:"The most workers of an elastic pool: it grows when a request has waited 20 ms, unless the processors are busy." placeholder:"N" group:"Pool"`
	PoolSpare         int           `default:"0" help:"Idle workers' worth of places that an elastic pool keeps free, ahead of demand." placeholder:"N" group:"Pool"`
	WorkerIdleTimeout time.Duration `default:"1m" help:"After how long without a request an elastic pool lets a worker go, one at a time; 0 is never." group:"Pool"`
	WorkerConcurrency int           `default:"0" auto:"what the worker says" help:"The most streams given to one worker at once; 0 is what the worker says, 1 turns sharing off." placeholder:"N" group:"Pool"`
	QueueSize         int           `default:"-1" auto:"10 × capacity" help:"Requests that may wait for a worker; -1 is ten times the capacity, that of the largest where the pool is elastic; 0 lets none wait." placeholder:"N" group:"Pool"`
	QueueTimeout      time.Duration `default:"10s" help:"The longest wait for a worker." group:"Pool"`
	Retry             string        `default:"unsent" oneof:"unsent,idempotent,off" help:"unsent: another worker gets the request only when no byte of it was read. idempotent: also GET, HEAD, OPTIONS, PUT and DELETE whose worker died before the response began. off." group:"Pool"`

	HelloTimeout time.Duration `default:"10s" help:"Start of a worker to its HELLO." group:"Worker"`
	StartTimeout time.Duration `default:"1m" help:"HELLO of a worker to its READY." group:"Worker"`
	ExecTimeout  time.Duration `default:"0s" auto:"0s; 30s in the modes serializing, streaming, http and static" help:"One request, from the moment a worker gets it; 0 is no limit. A request's X-Timeout shortens it, and counts alone when there is no limit." group:"Worker"`
	CancelGrace  time.Duration `default:"2s" help:"CANCEL to the end of the stream." group:"Worker"`
	StopTimeout  time.Duration `default:"10s" help:"GOAWAY to SIGKILL." group:"Worker"`
	WorkerUser   string        `help:"The user that workers run as: a name or a number, with :GROUP if need be; not set, the watchdog's own. It needs the capabilities SETUID and SETGID." placeholder:"USER" group:"Worker"`
	WorkerEnv    string        `auto:"all of ours" help:"The environment variables that workers see: names with commas between them, of which a * at the end stands for any ending. PATH and those of the protocol are always among them." placeholder:"NAMES" group:"Worker"`
	WorkerNofile int           `default:"0" help:"How many descriptors a worker may have open; 0 is what the watchdog was started with." group:"Worker"`
	PingInterval time.Duration `default:"5s" help:"How often a worker is asked for a sign of life, those of Node and Python only while they are idle; 0 turns the heartbeat off." group:"Worker"`
	PingMisses   int           `default:"3" help:"After how many unanswered intervals a worker is taken for dead." group:"Worker"`

	WorkerMaxRequests int           `default:"0" help:"After how many requests a worker is replaced, successor first; 0 is never." group:"Recycling"`
	WorkerMaxAge      time.Duration `default:"0s" help:"After how long a worker is replaced, successor first; 0 is never." group:"Recycling"`
	RecycleJitter     Percent       `default:"10%" help:"By how much the two vary from worker to worker, so that not all go at once." group:"Recycling"`
	WorkerMinAge      time.Duration `default:"10s" help:"How long a worker serves at least, unless it is over worker_memory_hard." group:"Recycling"`
	WorkerMemorySoft  MemoryLimit   `default:"auto" help:"Over it a worker is replaced, successor first; off is no limit. auto is 80 % of the share that worker_memory_hard's auto is, or of that limit where it is lower." group:"Recycling"`
	WorkerMemoryHard  MemoryLimit   `default:"auto" help:"Over it a worker is killed at once; off is no limit. auto is a share: 90 % of the container's memory, less our own, divided by the workers and one successor." group:"Recycling"`
	MemoryMetric      string        `default:"rss" oneof:"rss,pss" help:"What is measured of a worker and the processes that it started: rss, or pss, which counts shared memory in parts and costs more." group:"Recycling"`
	MemoryInterval    time.Duration `default:"1s" help:"How often memory is measured; 0 turns it off." group:"Recycling"`

	LogFormat     string        `auto:"json; text on a terminal; openfaas in the modes of the OpenFaaS watchdogs" oneof:"json,text,openfaas" help:"json, text, or openfaas: the lines of the OpenFaaS watchdogs." placeholder:"FORMAT" group:"Log"`
	LogLevel      string        `default:"info" oneof:"debug,info,warn,error" help:"debug, info, warn or error." group:"Log"`
	AccessLog     string        `auto:"all on a terminal, else errors" oneof:"off,errors,all" help:"Which requests have a line in the log: off, errors (a status of 500 or more) or all; the modes of of-watchdog log all unless it is off." placeholder:"WHICH" group:"Log"`
	SlowLog       time.Duration `default:"0s" help:"A request that takes so long has a line in the log in any case and, while it runs, the stacks of its worker, where that is a JVM or Python; 0 is never." group:"Log"`
	LogRate       int           `default:"10000" help:"How many lines a second of one worker the log takes in mode pool; the others are counted. A line over 512 bytes counts as several. 0 is no limit." group:"Log"`
	LogBufferSize LineLimit     `default:"64KiB" help:"The longest line of the function's; what is longer becomes several. -1 is no limit." group:"Log"`
	LogCallID     bool          `name:"log_callid" default:"false" help:"Mode http: a request's line in a log of format openfaas ends with its X-Call-Id." group:"Log"`
	PrefixLogs    bool          `default:"true" help:"Lines of the function's stand in a log of format openfaas with a date and where they came from; false writes them as they are." group:"Log"`

	origins map[string]Origin // by name; set by a Source, as are those below
	user    *process.User
	visible visible
	spans   *tracing.Config
	misses  []NearMiss

	command []string // set by Override
}

// NearMisses are the variables of the environment that were probably meant for a setting, and were not read.
func (s *Settings) NearMisses() []NearMiss { return s.misses }

// Override makes a program and its arguments the function process, whatever the settings say.
func (s *Settings) Override(command []string) { s.command = command }

// Command is the function process as a program and its arguments; nil when it is not set.
func (s *Settings) Command() ([]string, error) {
	if len(s.command) > 0 {
		return s.command, nil
	}
	name, text := s.process()
	words, err := splitWords(text)
	if err != nil {
		return nil, fmt.Errorf("%s is %q: %w", name, text, err)
	}
	return words, nil
}

// process is the setting that names the function process: of the two the one from the stronger origin, else fprocess; in
// the modes of of-watchdog function_process.
func (s *Settings) process() (name, text string) {
	first, second := processSetting{"fprocess", s.Fprocess}, processSetting{"function_process", s.FunctionProcess}
	if s.Mode.ofWatchdog() {
		first, second = second, first
	}
	if first.text == "" || second.text != "" && s.strength(second.name) < s.strength(first.name) {
		return second.name, second.text
	}
	return first.name, first.text
}

type processSetting struct{ name, text string }

// strength is the place of a setting's origin among all, the strongest first.
func (s *Settings) strength(name string) int {
	return slices.Index([]Origin{Flag, Environment, File, Default}, s.origins[name])
}

// ProcessText is the function process as the operator wrote it, or the words of the command in its place.
func (s *Settings) ProcessText() string {
	if len(s.command) > 0 {
		return strings.Join(s.command, " ")
	}
	_, text := s.process()
	return text
}

// Pool is what the settings say about the pool.
func (s *Settings) Pool() pool.Config {
	cfg := pool.Config{
		Size:         s.PoolSize,
		Min:          s.PoolMin,
		Max:          s.PoolMax,
		Spare:        s.PoolSpare,
		Concurrency:  s.WorkerConcurrency,
		QueueSize:    s.QueueSize,
		QueueTimeout: s.QueueTimeout,
		StopTimeout:  s.StopTimeout,
		Retry:        pool.Retry(s.Retry),
		MaxRequests:  uint64(max(0, s.WorkerMaxRequests)), // Read refuses what is less
		MaxAge:       s.WorkerMaxAge,
		Jitter:       float64(s.RecycleJitter) / 100,
		MinAge:       s.WorkerMinAge,
	}
	if s.Mode == "http" {
		cfg.Concurrency = cmp.Or(s.WorkerConcurrency, worker.MostConnections)
		cfg.Exclusive = !s.Upstream(nil).HasPort()
	}
	cfg.Once = s.Mode == "warm"
	if cfg.Exclusive { // whoever waits for the successor does not wait for ever
		cfg.DrainTimeout = s.StopTimeout
	}
	return cfg
}

// Server is what the settings say about the HTTP side.
func (s *Settings) Server() server.Config {
	return server.Config{
		MaxInflight:  s.MaxInflight,
		MaxBody:      int64(s.MaxBody),
		ReadTimeout:  s.ReadTimeout,
		WriteTimeout: s.WriteTimeout,
		ExecTimeout:  s.ExecTimeout,
		AccessLog:    s.AccessLog,
		SlowLog:      s.SlowLog,
		Profile:      s.profile(),
	}
}

// Fork is what the settings say about a process for each request. The program is the caller's to fill in, from whose
// environ processes see what worker_env lets them.
func (s *Settings) Fork(environ []string) fork.Config {
	w := s.Worker(environ)
	cfg := fork.Config{
		Mode:        string(s.Mode),
		Command:     w.Command,
		Fprocess:    s.ProcessText(),
		ContentType: s.ContentType,
		LineLimit:   w.LineLimit,
		Classic: fork.Classic{
			CGIHeaders:     s.CGIHeaders,
			CombineOutput:  s.CombineOutput,
			MarshalRequest: s.MarshalRequest,
			WriteDebug:     s.WriteDebug,
			DebugHeaders:   s.DebugHeaders,
		},
	}
	cfg.Command.FD3 = false
	return cfg
}

// Supervisor is what the settings say about watching workers.
func (s *Settings) Supervisor() supervisor.Config {
	return supervisor.Config{
		PingInterval:   s.PingInterval,
		PingMisses:     s.PingMisses,
		MemoryInterval: s.MemoryInterval,
		MemorySoft:     int64(s.WorkerMemorySoft),
		MemoryHard:     int64(s.WorkerMemoryHard),
		MemoryMetric:   s.MemoryMetric,
		MinAge:         s.WorkerMinAge,
		Workers:        s.PoolMax,
		IdleTimeout:    s.WorkerIdleTimeout,
	}
}

// Worker is what the settings say about a worker; environ is our own environment. The program is the caller's to fill in.
func (s *Settings) Worker(environ []string) worker.Config {
	cfg := worker.Config{
		Concurrency:  s.WorkerConcurrency,
		HelloTimeout: s.HelloTimeout,
		StartTimeout: s.StartTimeout,
		CancelGrace:  s.CancelGrace,
		SlowAfter:    s.SlowLog,
		LineLimit:    max(0, int(s.LogBufferSize)), // -1, which of-watchdog has for no limit, is 0 there
		LineRate:     s.LogRate,
	}
	cfg.Command.FD3 = s.WorkerOutput == "fd3"
	cfg.Command.User = s.user
	cfg.Command.Env = s.visible.pick(environ)
	if s.origins["handler_style"] != Default {
		cfg.Command.Env = append(process.Without(cfg.Command.Env, "handler_style"), "handler_style="+s.HandlerStyle)
	}
	cfg.Command.Nofile = uint64(max(0, s.WorkerNofile)) // Read refuses what is less
	return cfg
}

// Upstream is what the settings say about a worker that is an HTTP server, in mode http. The program is the caller's to
// fill in.
func (s *Settings) Upstream(environ []string) worker.UpstreamConfig {
	return worker.UpstreamConfig{
		Config:     s.Worker(environ),
		URL:        s.upstreamURL(),
		BufferBody: s.HTTPBufferReqBody || s.BufferHTTP,
	}
}

// upstreamURL is the setting of the two from the stronger origin, else http_upstream_url.
func (s *Settings) upstreamURL() string {
	if s.HTTPUpstreamURL == "" || s.UpstreamURL != "" && s.strength("upstream_url") < s.strength("http_upstream_url") {
		return s.UpstreamURL
	}
	return s.HTTPUpstreamURL
}

// Oneshot is what the settings say about a worker that serves once, in mode warm. The program is the caller's to fill in.
func (s *Settings) Oneshot(environ []string) worker.OneshotConfig {
	return worker.OneshotConfig{Config: s.Worker(environ), Headers: s.WarmHeaders, ContentType: s.ContentType}
}

// Auth is what the settings, and the variables that the provider sets, say about jwt_auth. nil is none.
func (s *Settings) Auth(getenv func(string) string) *auth.Config {
	if !s.JWTAuth {
		return nil
	}
	cfg := &auth.Config{Name: getenv("OPENFAAS_NAME"), Namespace: getenv("OPENFAAS_NAMESPACE"), Authority: auth.ClusterAuthority}
	if s.JWTAuthLocal {
		cfg.Authority = auth.LocalAuthority
	}
	if cfg.Namespace == "" {
		text, _ := os.ReadFile(namespaceFile) // without one Validate says what is missing
		cfg.Namespace = strings.TrimSpace(string(text))
	}
	return cfg
}

// namespaceFile is where Kubernetes tells a pod its namespace.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
