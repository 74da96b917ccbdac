package process

import (
	"os"
	"slices"
	"syscall"
)

// launch starts the program, in the environment that c asks for. Only the thread of Run may call it.
func (p *Process) launch(program string, c *Command, theirs ends) error {
	s := p.starter
	s.catchIgnored()
	credential := c.User.credential()
	if credential != nil {
		theirs.giveTo(c.User)
	}
	attr := &syscall.ProcAttr{
		Dir:   c.Dir,
		Env:   c.Env,
		Files: theirs.files(c.CombineOutput),
		Sys: &syscall.SysProcAttr{
			Setpgid:    true,
			Pdeathsig:  syscall.SIGKILL,
			Credential: credential,
			Ptrace:     c.Nofile != 0, // limitDescriptors lets it go
		},
	}
	pid, err := s.pids.Start(func() (int, error) {
		pid, err := syscall.ForkExec(program, c.Argv, attr)
		if err != nil {
			return 0, c.explain(program, err)
		}
		if c.Nofile != 0 {
			err = limitDescriptors(pid, c.Nofile, credential)
		}
		return pid, err
	})
	if err != nil {
		return err
	}
	s.alive.Add(1)
	p.pid = pid
	p.pidfd = openPidfd(pid)
	return nil
}

// credential is what makes a process run as u. It is nil when u is what we are already: anybody may ask for that.
func (u *User) credential() *syscall.Credential {
	if u == nil || u.isOurs() {
		return nil
	}
	return &syscall.Credential{Uid: u.Uid, Gid: u.Gid, Groups: u.Groups}
}

func (u *User) isOurs() bool {
	uid, gid := int(u.Uid), int(u.Gid)
	if uid != os.Getuid() || uid != os.Geteuid() || gid != os.Getgid() || gid != os.Getegid() {
		return false
	}
	ours, err := os.Getgroups()
	if err != nil {
		return false
	}
	theirs := make([]int, 0, len(u.Groups))
	for _, group := range u.Groups {
		theirs = append(theirs, int(group))
	}
	return slices.Equal(sortedSet(ours), sortedSet(theirs))
}

func sortedSet(ids []int) []int {
	slices.Sort(ids)
	return slices.Compact(ids)
}
