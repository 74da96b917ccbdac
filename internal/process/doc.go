// Package process starts one operating system process in a group of its own, with pipes, and ends it in the one right
// order. It does not know what the process is for.
//
//	Starter.Start --> running --(dies, or Kill)--> Ended: a zombie --Reap--> gone, its status is an Exit
//	                     |                            |
//	                  Signal, Kill                   Kill: what is left of its group
//	                  Stdin, Stdout, Stderr           Stdout, Stderr: its last words      Close: our pipe ends
//
// Between Ended and Reap the process is dead, but its pid and the number of its group are still its own: that is the
// time to kill its children and to read what it wrote. The end of a process is Ended and not the end of a pipe, which
// a grandchild may hold open for as long as it likes.
//
// A child gets nothing of ours that was not meant for it: no descriptor, no signal that we block or ignore, no raised
// descriptor limit, and no way to more privileges. It dies when we do.
package process
