package runner

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// Environment variables for flags whose values can contain a password.
const (
	brokerVariable     = "GOMEKO_BROKER"
	managementVariable = "GOMEKO_MANAGEMENT"
)

// secretFlags are the flags whose values can contain a password.
var secretFlags = []string{"--broker", "--management"}

// maxURI limits the size of a file with a URI, in bytes.
const maxURI = 64 << 10

// secretValue returns the value of a flag that can contain a password: given, from the command
// line, or else the environment variable. For @FILE it returns the content of the file.
func secretValue(flag, variable, given string) (string, error) {
	source := flag
	if given == "" {
		given, source = os.Getenv(variable), variable
	}
	file, isFile := strings.CutPrefix(given, "@")
	if !isFile {
		return given, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", source, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxURI)) // a longer file does not contain a URI
	if err != nil {
		return "", fmt.Errorf("%s: %w", source, err)
	}
	value := strings.TrimSpace(string(text))
	if value == "" || len(text) == maxURI || strings.ContainsAny(value, "\r\n") {
		return "", fmt.Errorf("%s: %s must have one line, the URI", source, file)
	}
	return value, nil
}

// commandArguments returns the arguments of the process. Where the system permits it, it hides the
// passwords in them from other users.
func commandArguments() []string {
	args := slices.Clone(os.Args[1:])
	for i, arg := range args {
		args[i] = strings.Clone(arg)
	}
	hideArguments(os.Args[1:])
	return args
}

// passwords returns the passwords in the values of secretFlags.
func passwords(args []string) (found []string) {
	for i, arg := range args {
		flag, value, joined := strings.Cut(arg, "=")
		if !slices.Contains(secretFlags, flag) {
			continue
		}
		if !joined && i+1 < len(args) {
			value = args[i+1]
		}
		if password := passwordOf(value); password != "" {
			found = append(found, password)
		}
	}
	return found
}

// passwordOf returns the part of a URI, or of several URIs, from the first password to the last.
func passwordOf(uri string) string {
	end := strings.LastIndexByte(uri, '@')
	if end < 0 {
		return ""
	}
	_, login, ok := strings.Cut(uri[:end], "://")
	if !ok {
		return uri[:end] // not a URI, but it may contain a password
	}
	_, password, _ := strings.Cut(login, ":")
	return password
}
