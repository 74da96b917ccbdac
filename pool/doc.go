// Package pool keeps a number of workers staffed and lends their places to requests.
//
// A worker is whatever satisfies Worker; the pool is given a Spawn that makes one, and knows no process, no frame and
// no HTTP. A slot is a numbered place for a worker:
//
//	vacant --spawn--> starting --READY--> ready (0..n in flight) --retire or death--> draining --gone--> vacant
//	                     \--failed--> vacant (back-off)
//
// Pool.mu guards all of it, and move is the only function that changes a state. Nothing slow happens under the lock:
// each slot in use has one goroutine, tend, which spawns, waits and sees off, and takes the lock only to note what
// has happened. A worker that is to be replaced goes on serving until its successor, in another slot, is ready.
//
// What is decided when a place is lent or given back is decided here; what needs a measurement is the supervisor's,
// which reads Snapshot and asks Retire.
package pool
