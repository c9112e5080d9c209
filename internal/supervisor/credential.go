package supervisor

import (
	"fmt"
	"os/user"
	"strconv"
	"strings"
)

// A Credential is the user that processes run as.
type Credential struct {
	UID, GID uint32
	Groups   []uint32
	Environ  []string // HOME, USER and LOGNAME
}

// LookUp returns the credential of NAME or NAME:GROUP, which may be numbers.
func LookUp(name string) (*Credential, error) {
	name, group, grouped := strings.Cut(name, ":")
	u, err := user.Lookup(name)
	if err != nil {
		if u, err = user.LookupId(name); err != nil {
			return nil, fmt.Errorf("there is no user %q", name)
		}
	}
	c := &Credential{Environ: []string{"HOME=" + u.HomeDir, "USER=" + u.Username, "LOGNAME=" + u.Username}}
	if c.UID, err = number(u.Uid); err != nil {
		return nil, err
	}
	gid := u.Gid
	if grouped {
		g, err := user.LookupGroup(group)
		if err != nil {
			if g, err = user.LookupGroupId(group); err != nil {
				return nil, fmt.Errorf("there is no group %q", group)
			}
		}
		gid = g.Gid
	}
	if c.GID, err = number(gid); err != nil || grouped {
		return c, err // a named group is the only one
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		n, err := number(id)
		if err != nil {
			return nil, err
		}
		c.Groups = append(c.Groups, n)
	}
	return c, nil
}

func number(id string) (uint32, error) {
	n, err := strconv.ParseUint(id, 10, 32)
	return uint32(n), err
}
