// Package configs holds every setting once: its name, its default and what it means. A setting is an environment
// variable in the style of OpenFaaS (lower case, underscores), a key of the same name in a YAML file and a flag with
// dashes; the flag wins over the environment, and that over the file. Whichever way a value came, the same rules read
// it, and one that they refuse stops the start: nothing becomes a default in silence.
//
// Every part of the watchdog has a Config of its own, which this package fills. It starts nothing.
package configs

import (
	"fmt"
	"time"

	"fwatchdog/pool"
	"fwatchdog/server"
	"fwatchdog/supervisor"
	"fwatchdog/worker"
)

// Settings is every setting, to be embedded in a grammar of kong. The environment and the file have underscores for the
// dashes of the flag. Beside kong's tags, `auto` tells in words what a default stands for that is no value to work
// with, and `oneof` lists the values that a text may have.
type Settings struct {
	Fprocess        string `help:"The function process, split as a shell does, without a shell." placeholder:"COMMAND" group:"Function"`
	FunctionProcess string `help:"The same; it counts when fprocess is not set." placeholder:"COMMAND" group:"Function"`
	Mode            string `default:"pool" oneof:"pool" help:"pool: long-lived workers that speak FWP/1." group:"Function"`
	WorkerOutput    string `default:"stdout" oneof:"stdout,fd3" help:"Where a worker writes its frames: stdout, or fd3, which leaves stdout to its prints." group:"Function"`
	Config          string `help:"A YAML file with settings." placeholder:"FILE" group:"Function"`

	Port                int           `default:"8080" help:"The functions' port; 0 takes a free one. The variable PORT is honoured, too." group:"HTTP"`
	MetricsPort         int           `default:"8081" help:"The port of the metrics; 0 turns it off." group:"HTTP"`
	MaxInflight         int           `default:"0" help:"Requests in flight in all, waiting ones too; then 429. 0 is no limit." group:"HTTP"`
	MaxBody             Size          `default:"0" help:"The largest body of a request; then 413. 0 is no limit." group:"HTTP"`
	ReadTimeout         time.Duration `default:"30s" help:"The client's header, and each further piece of its body; also how long an idle connection is kept. 0 is no limit." group:"HTTP"`
	WriteTimeout        time.Duration `default:"30s" help:"Each piece of the response that the client takes. 0 is no limit." group:"HTTP"`
	HealthcheckInterval time.Duration `default:"5s" help:"SIGTERM to the closing of the listener, while requests are still served; 0 or less is no pause." group:"HTTP"`
	SuppressLock        bool          `default:"false" help:"No lock file in TMPDIR." group:"HTTP"`

	PoolSize          int           `default:"0" auto:"number of CPUs" help:"Workers kept ready; 0 is the number of CPUs, or the container's share of them (2 at least, where there are 2)." placeholder:"N" group:"Pool"`
	WorkerConcurrency int           `default:"0" auto:"what the worker says" help:"The most streams given to one worker at once; 0 is what the worker says, 1 turns sharing off." placeholder:"N" group:"Pool"`
	QueueSize         int           `default:"-1" auto:"10 × capacity" help:"Requests that may wait for a worker; -1 is ten times the capacity, 0 lets none wait." placeholder:"N" group:"Pool"`
	QueueTimeout      time.Duration `default:"10s" help:"The longest wait for a worker." group:"Pool"`
	Retry             string        `default:"unsent" oneof:"unsent,idempotent,off" help:"unsent: another worker gets the request only when no byte of it was read. idempotent: also GET, HEAD, OPTIONS, PUT and DELETE whose worker died before the response began. off." group:"Pool"`

	HelloTimeout time.Duration `default:"10s" help:"Start of a worker to its HELLO." group:"Worker"`
	StartTimeout time.Duration `default:"1m" help:"HELLO of a worker to its READY." group:"Worker"`
	ExecTimeout  time.Duration `default:"0s" help:"One request, from the moment a worker gets it; 0 is no limit. A request's X-Timeout shortens it, and counts alone when there is no limit." group:"Worker"`
	CancelGrace  time.Duration `default:"2s" help:"CANCEL to the end of the stream." group:"Worker"`
	StopTimeout  time.Duration `default:"10s" help:"GOAWAY to SIGKILL." group:"Worker"`
	PingInterval time.Duration `default:"5s" help:"How often a worker is asked for a sign of life; 0 turns the heartbeat off." group:"Worker"`
	PingMisses   int           `default:"3" help:"After how many unanswered intervals a worker is taken for dead." group:"Worker"`

	WorkerMaxRequests int           `default:"0" help:"After how many requests a worker is replaced, successor first; 0 is never." group:"Recycling"`
	WorkerMaxAge      time.Duration `default:"0s" help:"After how long a worker is replaced, successor first; 0 is never." group:"Recycling"`
	RecycleJitter     Percent       `default:"10%" help:"By how much the two vary from worker to worker, so that not all go at once." group:"Recycling"`
	WorkerMinAge      time.Duration `default:"10s" help:"How long a worker serves at least, unless it is over worker_memory_hard." group:"Recycling"`
	WorkerMemorySoft  MemoryLimit   `default:"auto" help:"Over it a worker is replaced, successor first; off is no limit. auto is 80 % of the share that worker_memory_hard's auto is." group:"Recycling"`
	WorkerMemoryHard  MemoryLimit   `default:"auto" help:"Over it a worker is killed at once; off is no limit. auto is a share: 90 % of the container's memory, less our own, divided by the workers and one successor." group:"Recycling"`
	MemoryMetric      string        `default:"rss" oneof:"rss,pss" help:"What is measured of a worker and the processes that it started: rss, or pss, which counts shared memory in parts and costs more." group:"Recycling"`
	MemoryInterval    time.Duration `default:"1s" help:"How often memory is measured; 0 turns it off." group:"Recycling"`

	LogFormat     string `auto:"json; text on a terminal" oneof:"json,text" help:"json or text; when not set, text on a terminal and else json." placeholder:"FORMAT" group:"Log"`
	LogLevel      string `default:"info" oneof:"debug,info,warn,error" help:"debug, info, warn or error." group:"Log"`
	LogBufferSize Size   `default:"64KiB" help:"The longest line of the function's; what is longer becomes several. -1 is no limit." group:"Log"`

	origins map[string]Origin // by name; set by Check
}

// Command is the function process as a program and its arguments: fprocess, else function_process. It is nil when
// neither is set.
func (s *Settings) Command() ([]string, error) {
	name, text := "fprocess", s.Fprocess
	if text == "" {
		name, text = "function_process", s.FunctionProcess
	}
	words, err := splitWords(text)
	if err != nil {
		return nil, fmt.Errorf("%s is %q: %w", name, text, err)
	}
	return words, nil
}

// Pool is what the settings say about the pool.
func (s *Settings) Pool() pool.Config {
	return pool.Config{
		Size:         s.PoolSize,
		Concurrency:  s.WorkerConcurrency,
		QueueSize:    s.QueueSize,
		QueueTimeout: s.QueueTimeout,
		StopTimeout:  s.StopTimeout,
		Retry:        pool.Retry(s.Retry),
		MaxRequests:  uint64(max(0, s.WorkerMaxRequests)), // Check refuses what is less
		MaxAge:       s.WorkerMaxAge,
		Jitter:       float64(s.RecycleJitter) / 100,
		MinAge:       s.WorkerMinAge,
	}
}

// Server is what the settings say about the HTTP side.
func (s *Settings) Server() server.Config {
	return server.Config{
		MaxInflight:  s.MaxInflight,
		MaxBody:      int64(s.MaxBody),
		ReadTimeout:  s.ReadTimeout,
		WriteTimeout: s.WriteTimeout,
		ExecTimeout:  s.ExecTimeout,
	}
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
		Workers:        s.PoolSize,
	}
}

// Worker is what the settings say about a worker. The program and its environment are the caller's to fill in.
func (s *Settings) Worker() worker.Config {
	cfg := worker.Config{
		Concurrency:  s.WorkerConcurrency,
		HelloTimeout: s.HelloTimeout,
		StartTimeout: s.StartTimeout,
		CancelGrace:  s.CancelGrace,
		LineLimit:    max(0, int(s.LogBufferSize)), // -1, which of-watchdog has for no limit, is 0 there
	}
	cfg.Command.FD3 = s.WorkerOutput == "fd3"
	return cfg
}
