package configs

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
)

// Check is called once, after kong has parsed. It fills in what follows from the machine, and reports all that is wrong:
// values that do not parse, values out of range, a file that cannot be read, and names in it that no setting has.
func (s *Source) Check(settings *Settings) error {
	if settings.PoolSize == 0 {
		settings.PoolSize = runtime.GOMAXPROCS(0)
	}
	settings.origins = map[string]Origin{}
	for _, name := range s.known {
		settings.origins[name] = Flag
		if found, ok := s.places[name]; ok {
			settings.origins[name] = found.origin
		}
	}
	return errors.Join(slices.Concat(s.problems, s.file.problems, settings.outOfRange())...)
}

// outOfRange reports every value that parses but cannot be.
func (s *Settings) outOfRange() []error {
	var problems []error
	bad := func(is bool, name string, value any, must string) {
		if is {
			problems = append(problems, fmt.Errorf("%s is %v: it must be %s", name, value, must))
		}
	}
	bad(notPort(s.Port), "port", s.Port, "0 to 65535")
	bad(notPort(s.MetricsPort), "metrics_port", s.MetricsPort, "0 to 65535")
	bad(s.MetricsPort != 0 && s.MetricsPort == s.Port, "metrics_port", s.MetricsPort, "another than port")
	bad(s.LogBufferSize != -1 && (s.LogBufferSize < 1 || s.LogBufferSize > 1<<30), "log_buffer_size", s.LogBufferSize,
		"1 to 1GiB, or -1 for no limit")
	bad(s.WorkerMaxRequests < 0, "worker_max_requests", s.WorkerMaxRequests, "0, which is never, or more")
	_, err := s.Command()
	problems = append(problems, err)
	for _, part := range []interface{ Validate() error }{s.Pool(), s.Server(), s.Supervisor(), s.Worker()} {
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
