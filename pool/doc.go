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
// has happened.
//
// How many workers there are follows from three small rules. As many slots are staff as workers are wanted; refill
// sees to it. A worker that is to be replaced, or that is one too many, yields: its slot is staff no more, so that another
// one is staffed where one is wanted, and it goes on serving. Whenever more workers are ready than wanted, trim lets those
// leave that yield. So no order of successes and failures costs capacity: a worker leaves for a soft reason only when the
// pool is full without it.
//
// Two kinds of workers differ. One that is Exclusive holds what its successor needs: it leaves first, and its slot stays
// staff. One that serves Once leaves with its request; its successor is started beside it only when that is needed at once.
//
// How many workers are wanted is said by Config and by Resize. In an elastic pool it moves between two bounds: Strained
// tells who watches it that more may be needed, Grow adds some, and Retire because of life.Idle takes one away. Resize ends
// that, and Restore begins it anew.
//
// What is decided when a place is lent or given back is decided here; what needs a measurement is the supervisor's,
// which reads Snapshot and asks Retire.
package pool
