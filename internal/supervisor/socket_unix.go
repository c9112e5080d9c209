//go:build unix

package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// Supported reports whether processes can be supervised on this system.
const Supported = true

// controlFile is the file descriptor of the socket pair in the process.
const controlFile = 3

// pair returns the two ends of a new socket pair.
func pair() (ours *net.UnixConn, theirs *os.File, err error) {
	syscall.ForkLock.RLock()
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(ends[0])
		syscall.CloseOnExec(ends[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("socket pair: %w", err)
	}
	theirs = os.NewFile(uintptr(ends[1]), "supervised")
	if ours, err = unixConn(os.NewFile(uintptr(ends[0]), "supervisor")); err != nil {
		theirs.Close()
	}
	return ours, theirs, err
}

// inherited returns the process's end of the socket pair.
func inherited() (*net.UnixConn, error) {
	syscall.CloseOnExec(controlFile)
	return unixConn(os.NewFile(controlFile, "supervisor"))
}

// unixConn converts a file to a connection. It closes the file.
func unixConn(file *os.File) (*net.UnixConn, error) {
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return nil, errors.New("file 3 is not the socket of a supervisor")
	}
	return unix, nil
}

// maxReply limits the size of a reply in bytes.
const maxReply = 16 << 10

// read receives replies until the parent has died. Each reply is one message; the parent sends the
// next one only when it is asked again.
func (p *Parent) read() {
	defer close(p.gone)
	text, oob := make([]byte, maxReply), make([]byte, syscall.CmsgSpace(4))
	for {
		n, oobn, _, _, err := p.conn.ReadMsgUnix(text, oob)
		if err != nil || n == 0 {
			return
		}
		r := reply{}
		if err := json.Unmarshal(text[:n], &r); err != nil {
			r.Error = "the supervisor's reply cannot be read: " + err.Error()
		} else if r.Error == "" {
			if r.file, err = received(oob[:oobn]); err != nil {
				r.Error = err.Error()
			}
		}
		p.replies <- r
	}
}

// received returns the file in a control message.
func received(oob []byte) (*os.File, error) {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	for i := range messages {
		files, err := syscall.ParseUnixRights(&messages[i])
		if err == nil && len(files) == 1 {
			syscall.CloseOnExec(files[0])
			return os.NewFile(uintptr(files[0]), "listener"), nil
		}
	}
	return nil, errors.New("the supervisor has sent no socket")
}

// answer sends a reply, together with its file.
func answer(conn *net.UnixConn, r reply) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if r.file == nil {
		_, err = conn.Write(text)
		return err
	}
	raw, err := r.file.SyscallConn() // Fd would make the socket blocking, for all processes
	if err != nil {
		return err
	}
	controlErr := raw.Control(func(fd uintptr) {
		_, _, err = conn.WriteMsgUnix(text, syscall.UnixRights(int(fd)), nil)
	})
	return errors.Join(controlErr, err)
}
