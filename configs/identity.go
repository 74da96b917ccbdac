package configs

import (
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"fwatchdog/internal/process"
)

// lookUpUser reads worker_user: a name or a number, and with a colon the group, too. A user that the machine knows brings
// its groups along, unless one is named. One that it does not know, as in an image without /etc/passwd, needs a number and
// a group: nobody gets the group of root by accident.
func lookUpUser(text string) (*process.User, error) {
	if text == "" {
		return nil, nil
	}
	name, group, named := strings.Cut(text, ":")
	known, err := user.Lookup(name)
	if err != nil {
		known, err = user.LookupId(name)
	}
	if err != nil || known.Username != name && known.Uid != name { // a number that is too large may be taken for another
		known = &user.User{Uid: name}
	}
	uid, err := strconv.ParseUint(known.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("worker_user is %q: there is no user %q on this machine", text, name)
	}
	found := &process.User{Uid: uint32(uid)}
	switch {
	case named:
		found.Gid, err = lookUpGroup(group)
	case known.Gid == "":
		err = fmt.Errorf("this machine does not know the user: name its group, too, as in %s:%s", name, name)
	default:
		err = join(found, known)
	}
	if err != nil {
		return nil, fmt.Errorf("worker_user is %q: %w", text, err)
	}
	return found, nil
}

// lookUpGroup returns the number of a group.
func lookUpGroup(name string) (uint32, error) {
	if known, err := user.LookupGroup(name); err == nil {
		name = known.Gid
	}
	gid, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("there is no group %q on this machine", name)
	}
	return uint32(gid), nil
}

// join gives u all groups of a user that the machine knows.
func join(u *process.User, known *user.User) error {
	gid, err := strconv.ParseUint(known.Gid, 10, 32)
	if err != nil {
		return fmt.Errorf("its group %q is no number", known.Gid)
	}
	u.Gid = uint32(gid)
	groups, err := known.GroupIds()
	if err != nil {
		return fmt.Errorf("look up its groups: %w", err)
	}
	for _, group := range groups {
		if gid, err := strconv.ParseUint(group, 10, 32); err == nil && uint32(gid) != u.Gid { // what is no number is no group of the kernel's
			u.Groups = append(u.Groups, uint32(gid))
		}
	}
	return nil
}

// visible is worker_env: which variables workers see, as names or beginnings of names. None at all means all.
type visible []string

// readVisible reads a list such as PATH, LANG, DB_*.
func readVisible(text string) (visible, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var v visible
	for _, name := range strings.Split(text, ",") {
		name = strings.TrimSpace(name)
		plain, _ := strings.CutSuffix(name, "*")
		if name == "" || strings.ContainsAny(plain, "*= \t") {
			return nil, fmt.Errorf("worker_env is %q: it must be names with commas between them; "+
				"a * may stand at the end of a name, as in LANG, DB_*", text)
		}
		v = append(v, name)
	}
	return v, nil
}

// pick returns the variables that workers see. PATH is always among them: it is where programs are looked for.
func (v visible) pick(environ []string) []string {
	if len(v) == 0 {
		return environ
	}
	return slices.DeleteFunc(slices.Clone(environ), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return name != "PATH" && !slices.ContainsFunc(v, func(pattern string) bool {
			begin, open := strings.CutSuffix(pattern, "*")
			return name == pattern || open && strings.HasPrefix(name, begin)
		})
	})
}
