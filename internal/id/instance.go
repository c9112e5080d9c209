package id

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"strconv"
)

// Instance returns a new name for a running process: host/pid-xxxx. The last part is random,
// because every process has the same pid in a container.
func Instance() string {
	machine, err := os.Hostname()
	if err != nil || machine == "" {
		machine = "localhost"
	}
	var start [2]byte
	_, _ = rand.Read(start[:]) // it never fails
	return machine + "/" + strconv.Itoa(os.Getpid()) + "-" + hex.EncodeToString(start[:])
}
