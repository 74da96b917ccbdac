package configs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"fwatchdog/internal/cpus"
	"fwatchdog/server"
)

// Mode is how the function is run.
type Mode string

// modes are those that there are. of-watchdog had two more.
var modes = []Mode{"pool", "warm", "classic", "serializing", "streaming", "http", "static"}

// UnmarshalText reads the name of a mode.
func (m *Mode) UnmarshalText(text []byte) error {
	name := Mode(text)
	switch {
	case slices.Contains(modes, name):
		*m = name
		return nil
	case name == "afterburn" || name == "inproc":
		return fmt.Errorf("there is no such mode any more: mode pool keeps long-lived processes, too")
	}
	names := make([]string, 0, len(modes))
	for _, mode := range modes {
		names = append(names, string(mode))
	}
	return fmt.Errorf("it must be one of %s", strings.Join(names, ", "))
}

// OpenFaaS reports whether the mode is one of the OpenFaaS watchdogs.
func (m Mode) OpenFaaS() bool { return m != "pool" && m != "warm" }

// LongLived reports whether processes of the function live on from one request to the next.
func (m Mode) LongLived() bool { return m == "pool" || m == "http" }

// ofWatchdog reports whether the mode is one of of-watchdog.
func (m Mode) ofWatchdog() bool { return m.OpenFaaS() && m != "classic" }

// hasContentType reports whether every answer in this mode has the same Content-Type.
func (m Mode) hasContentType() bool { return m == "serializing" || m == "streaming" }

// defaultExecTimeout is the time limit of a request where of-watchdog has one.
const defaultExecTimeout = 30 * time.Second

// fillIn sets what was not set and depends on the mode.
func (s *Settings) fillIn() {
	unset := func(name string) bool { return s.origins[name] == Default }
	if unset("exec_timeout") && s.Mode.ofWatchdog() {
		s.ExecTimeout = defaultExecTimeout
	}
	if unset("content_type") && s.Mode.hasContentType() {
		s.ContentType = "application/octet-stream"
	}
	if unset("healthcheck_interval") && s.Mode.OpenFaaS() {
		s.HealthcheckInterval = s.WriteTimeout
	}
}

// profile is how HTTP is answered in the mode.
func (s *Settings) profile() server.Profile {
	p := server.ProfileOf(string(s.Mode))
	if s.Mode.OpenFaaS() {
		p.ReadyPath = s.ReadyPath
	}
	p.LogCallID = s.LogCallID && s.Mode == "http"
	if s.Mode.hasContentType() {
		p.ErrorType = s.ContentType
	}
	return p
}

// Stop is how the instance ends.
type Stop struct {
	// Pause is from the signal to the closing of the listener; 0 or less is none.
	Pause time.Duration
	// Longest is how long requests in flight may go on then; 0 is no limit.
	Longest time.Duration
	// PauseOnly says that a second signal ends the pause only, and not the requests.
	PauseOnly bool
}

// Stop is what the settings say about the end of the instance.
func (s *Settings) Stop() Stop {
	stop := Stop{Pause: s.HealthcheckInterval}
	if s.Mode.OpenFaaS() {
		stop.Longest, stop.PauseOnly = s.WriteTimeout, true
	}
	return stop
}

// processors is how many workers there should be when nobody has said it.
func (s *Settings) processors() int {
	if s.Mode == "http" && !s.Upstream(nil).HasPort() {
		return 1
	}
	return cpus.Count()
}

// upstreamProblem is what is wrong with the settings of mode http.
func (s *Settings) upstreamProblem() error {
	upstream := s.Upstream(nil)
	switch {
	case upstream.URL != "":
		return upstream.ValidateURL(s.Port)
	case s.Mode == "http":
		return errors.New("upstream_url is not set (http_upstream_url): mode http needs to know where the function listens")
	}
	return nil
}
