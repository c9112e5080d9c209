//go:build unix

package doctor

import "syscall"

// openFiles checks how many files a process may open. Go has raised its soft limit to the hard
// limit.
func (x *examination) openFiles() {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return
	}
	if n := uint64(limit.Cur); n < enoughFiles { //nolint:unconvert // FreeBSD has a signed number
		x.add(Warning, "files", "this process", "it may open %d files: each connection, websocket and request takes one", n).
			remedy("ulimit -n %d, or LimitNOFILE=%[1]d in the unit of systemd", enoughFiles)
	}
}
