package runner

import (
	"bytes"
	"os"
	"strconv"
	"unsafe"
)

// hideArguments overwrites the passwords in the command line, which other users of the machine can
// see in /proc and with ps. The strings of os.Args share its memory, so it removes the passwords
// from them, too.
func hideArguments(args []string) {
	begin, end := commandLine()
	for _, password := range passwords(args) {
		data := unsafe.StringData(password)
		at := uintptr(unsafe.Pointer(data))
		if at < begin || at+uintptr(len(password)) > end {
			continue // the program has replaced os.Args with other strings, which may be constants
		}
		for i := range unsafe.Slice(data, len(password)) {
			*(*byte)(unsafe.Add(unsafe.Pointer(data), i)) = '*'
		}
	}
}

// commandLine returns where the process's command line begins and ends in memory, or zeros.
func commandLine() (begin, end uintptr) {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, 0
	}
	// The name of the program, in parentheses, is the second field; arg_start and arg_end are the
	// 48th and 49th.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 47 {
		return 0, 0
	}
	first, err := strconv.ParseUint(string(fields[45]), 10, 64)
	if err != nil {
		return 0, 0
	}
	last, err := strconv.ParseUint(string(fields[46]), 10, 64)
	if err != nil {
		return 0, 0
	}
	return uintptr(first), uintptr(last)
}
