// Package protocol is FWP/1 in bytes: the frames that fwatchdog (the host) and a function process (the worker)
// exchange over the worker's stdin and stdout. PROTOCOL.md beside this file is the norm; testdata/vectors.json holds
// frames that every implementation must read and write alike.
//
//	 0      1      2      3      4                 8                 12
//	+------+------+------+------+-----------------+-----------------+---------
//	| 0xFB | 0xF7 | type | flags| stream  u32 BE  | length  u32 BE  | payload
//	+------+------+------+------+-----------------+-----------------+---------
//
// Encoders append to a slice that the caller owns and return it. Decoders return views of the payload they were given,
// valid as long as that is. Neither allocates, and no length that arrives is believed before it was held against what
// is there.
//
// The package knows no process, no HTTP and no goroutine.
package protocol

// Version is the highest version of the protocol that this package speaks, and MinVersion the lowest.
const (
	MinVersion = 1
	Version    = 1
)

// The sizes of PROTOCOL.md section 2 and 6, in bytes.
const (
	// HeaderSize is what precedes every payload.
	HeaderSize = 12
	// MaxPayload is the largest payload of a frame.
	MaxPayload = 65536
	// SharedWrite is the largest write of a worker that shares fd 1 with user code: Linux's PIPE_BUF, below which
	// writes to a pipe are not torn.
	SharedWrite = 4096
	// MaxSharedPayload is the largest payload of a frame of such a worker.
	MaxSharedPayload = SharedWrite - HeaderSize
	// DefaultWindow is how many bytes of DATA may be sent on a stream before the first WINDOW.
	DefaultWindow = 262144
)
