package process

// Command says what to start.
type Command struct {
	Argv   []string // Argv[0] is looked up in the PATH of Env unless it holds a slash; then it is relative to Dir
	Env    []string // the whole environment, KEY=value
	Dir    string   // the working directory; "" is ours
	User   *User    // nil: ours
	Nofile uint64   // soft and hard limit of descriptors; 0: those with which we were started

	// FD3 asks for a third pipe, on which the process may write as its descriptor 3.
	FD3 bool
	// CombineOutput makes the process's stderr the same pipe as its stdout, so that what it writes keeps its order.
	CombineOutput bool
}

// User is whom a process runs as. To change it needs the capabilities SETUID and SETGID.
type User struct {
	Uid    uint32   // real, effective and saved
	Gid    uint32   // real, effective and saved
	Groups []uint32 // all supplementary groups: nil is none
}
