// Package reaper takes the status of orphans: processes whose parent died and that the kernel gave to us, because we
// are PID 1 of a container or a child subreaper. Without it they would stay zombies for as long as we live.
//
// It never takes the status of a process that has an owner. A plain wait for any child would win that race now and
// then, and the owner would wait for ever for an exit code that is gone. So every process that this program starts is
// entered into Pids, and the Reaper looks before it takes:
//
//	owner                          Pids                       Reaper
//	Start(fork, exec)  --reads-->  lock, set of own  <--writes--  peek at a dead child, leave it a zombie
//	Take(wait)         --reads-->                                 own: leave it; orphan: take this very pid
//
// A child enters the set before the Reaper can look, and leaves it in one step with its zombie. Living orphans are left
// alone.
package reaper
