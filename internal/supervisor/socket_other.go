//go:build !unix

package supervisor

import (
	"errors"
	"net"
)

// Supported reports whether processes can be supervised on this system.
const Supported = false

func inherited() (*net.UnixConn, error) { return nil, errors.New("this system has no supervisor") }

func (p *Parent) read() { close(p.gone) }
