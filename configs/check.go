package configs

import (
	"cmp"
	"errors"
	"fmt"
	"mime"
	"os"
	"slices"

	"fwatchdog/internal/bounds"
	"fwatchdog/internal/control"
)

// Read is called once, after the flags have been parsed. It takes what the environment and the file say, fills in what
// follows from the machine, and reports all that is wrong: values that do not parse, values out of range, a file that
// cannot be read, and names in it that no setting has.
func (s *Source) Read() (*Settings, error) {
	s.complete()
	settings := s.settings
	settings.settleSize(settings.processors())
	settings.fillIn()
	var badSpans error
	if settings.Tracing {
		settings.spans, badSpans = readSpans(s.environ)
	}
	outOfRange := settings.outOfRange()
	for i, problem := range outOfRange {
		outOfRange[i] = s.asGiven(problem)
	}
	return settings, errors.Join(slices.Concat(s.problems, s.file.problems, settings.lookUp(), outOfRange, split(badSpans))...)
}

// asGiven tells of a value that cannot be as it was written, and where that was.
func (s *Source) asGiven(problem error) error {
	var bad *bounds.Error
	if !errors.As(problem, &bad) {
		return problem
	}
	name := bad.Name
	if _, ok := s.given[name]; !ok && (name == "pool_min" || name == "pool_max") {
		name = "pool_size" // which stands for it
	}
	given, ok := s.given[name]
	if !ok { // it follows from the machine
		return problem
	}
	return fmt.Errorf("%s is %q (%s): it must be %s", name, given.text, given.where, bad.Must)
}

// lookUp finds out what settings stand for that are words of this machine or of its environment.
func (s *Settings) lookUp() []error {
	var noUser, noList error
	s.user, noUser = lookUpUser(s.WorkerUser)
	s.visible, noList = readVisible(s.WorkerEnv)
	return []error{noUser, noList}
}

// settleSize fills in those of the pool's three sizes that are not set, 0. What is set always wins over what is not.
func (s *Settings) settleSize(processors int) {
	size := cmp.Or(s.PoolSize, processors)
	if min(s.PoolSize, s.PoolMin, s.PoolMax) < 0 { // nothing follows from what cannot be
		s.PoolSize = size
		return
	}
	least, most := cmp.Or(s.PoolMin, size), cmp.Or(s.PoolMax, size)
	if s.PoolSize == 0 {
		if s.PoolMin == 0 {
			least = min(least, most)
		}
		if s.PoolMax == 0 {
			most = max(least, most)
		}
		size = least
	}
	s.PoolSize, s.PoolMin, s.PoolMax = size, least, most
}

// outOfRange reports every value that parses but cannot be.
func (s *Settings) outOfRange() []error {
	var check bounds.Check
	bad := check.Bad
	bad(notPort(s.Port), "port", s.Port, "0 to 65535")
	bad(notPort(s.MetricsPort), "metrics_port", s.MetricsPort, "0 to 65535")
	bad(s.MetricsPort != 0 && s.MetricsPort == s.Port, "metrics_port", s.MetricsPort, "another than port")
	bad(s.Watch != "" && !isFolder(s.Watch), "watch", s.Watch, "a folder")
	bad(len(s.ControlSocket) > control.MaxPath, "control_socket", s.ControlSocket, fmt.Sprintf("at most %d bytes long", control.MaxPath))
	bad(s.LogBufferSize != -1 && (s.LogBufferSize < 1 || s.LogBufferSize > 1<<30), "log_buffer_size", s.LogBufferSize,
		"1 to 1GiB, or -1 for no limit")
	bad(s.WorkerMaxRequests < 0, "worker_max_requests", s.WorkerMaxRequests, "0, which is never, or more")
	bad(s.WorkerNofile < 0, "worker_nofile", s.WorkerNofile, "0, which is what the watchdog was started with, or more")
	bad(s.ReadyPath != "" && s.ReadyPath[0] != '/', "ready_path", s.ReadyPath, "a path, which begins with /")
	_, _, typeErr := mime.ParseMediaType(s.ContentType)
	bad(s.ContentType != "" && typeErr != nil, "content_type", s.ContentType, "a media type such as text/plain")
	bad(s.Mode.ofWatchdog() && s.WriteTimeout == 0, "write_timeout", s.WriteTimeout,
		"more than 0 in this mode (HTTP write timeout must be over 0s)")
	bad(s.PoolSize < 0, "pool_size", s.PoolSize, "0, which is the number of processors, or more")
	bad(s.PoolMin < 0, "pool_min", s.PoolMin, "0, which is the same as pool_size, or more")
	bad(s.PoolMax < 0, "pool_max", s.PoolMax, "0, which is the same as pool_size, or more")
	_, err := s.Command()
	problems := append(split(check.Err()), err, s.upstreamProblem())
	workers := s.Pool()
	if min(workers.Size, workers.Min, workers.Max) < 0 { // said in the words of one who may set 0
		workers.Size, workers.Min, workers.Max, workers.Spare = 1, 1, 1, min(workers.Spare, 1)
	}
	for _, part := range []interface{ Validate() error }{workers, s.Server(), s.Supervisor(), s.Worker(nil)} {
		for _, problem := range split(part.Validate()) {
			said := func(err error) bool { return err != nil && err.Error() == problem.Error() }
			if !slices.ContainsFunc(problems, said) { // two parts may have the same setting
				problems = append(problems, problem)
			}
		}
	}
	return problems
}

func notPort(n int) bool { return n < 0 || n > 65535 }

// split undoes errors.Join.
func split(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
