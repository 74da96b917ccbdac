package main

import (
	"fmt"
	"strings"

	"fwatchdog/bench/systems"
)

// entry is a system in a scenario, under a load that may differ from the scenario's.
type entry struct {
	system      string
	connections int  // 0 is the scenario's
	reload      bool // half-way through each round
}

// key names the entry in its scenario.
func (e entry) key() string {
	switch {
	case e.reload:
		return e.system + ", reload"
	case e.connections > 0:
		return fmt.Sprintf("%s @%d", e.system, e.connections)
	}
	return e.system
}

// systemOf is the system of an entry that is not reloaded, by the entry's key.
func systemOf(key string) string {
	system, _, _ := strings.Cut(key, " @")
	return system
}

// name is the entry's in documents.
func (e entry) name() string {
	name := systems.All[e.system].Name
	switch {
	case e.reload:
		return name + ", during a reload"
	case e.connections > 0:
		return fmt.Sprintf("%s, %d connections", name, e.connections)
	}
	return name
}

// ours reports whether it is fwatchdog.
func (e entry) ours() bool { return isOurs(e.system) }

func isOurs(system string) bool {
	s, ok := systems.All[system]
	return ok && s.Argv[0] == "{out}/fwatchdog"
}

// load is what the entry gets in a scenario with load l.
func (e entry) load(l systems.Load, seconds int) systems.Load {
	l.Seconds, l.Reload = seconds, e.reload
	if e.connections > 0 {
		l.Connections = e.connections
	}
	return l
}

// each is entries of these systems under the scenario's load.
func each(names ...string) []entry {
	var entries []entry
	for _, system := range names {
		entries = append(entries, entry{system: system})
	}
	return entries
}

// at is one system with each of these numbers of connections.
func at(system string, connections ...int) []entry {
	var entries []entry
	for _, n := range connections {
		entries = append(entries, entry{system: system, connections: n})
	}
	return entries
}

// reloaded is a system as it is, and while it replaces its workers.
func reloaded(system string) []entry {
	return []entry{{system: system}, {system: system, reload: true}}
}
