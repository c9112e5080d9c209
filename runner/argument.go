package runner

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// Variables of the environment that stand for flags whose values can have a password.
const (
	brokerVariable     = "GOMEKO_BROKER"
	managementVariable = "GOMEKO_MANAGEMENT"
)

// secretFlags are the flags whose values can have a password.
var secretFlags = []string{"--broker", "--management"}

// maxURI is the size of the file of a URI, in bytes, from which on it is refused.
const maxURI = 64 << 10

// secretValue returns the value of a flag that can have a password: that of the command line, or
// otherwise of the variable. @FILE is what the file has.
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
	text, err := io.ReadAll(io.LimitReader(f, maxURI)) // more than a URI is another file
	if err != nil {
		return "", fmt.Errorf("%s: %w", source, err)
	}
	value := strings.TrimSpace(string(text))
	if value == "" || len(text) == maxURI || strings.ContainsAny(value, "\r\n") {
		return "", fmt.Errorf("%s: %s must have one line, the URI", source, file)
	}
	return value, nil
}

// commandArguments returns the arguments of the process. It hides the passwords in them from other
// users where the system permits it.
func commandArguments() []string {
	args := slices.Clone(os.Args[1:])
	for i, arg := range args {
		args[i] = strings.Clone(arg)
	}
	hideArguments(os.Args[1:])
	return args
}

// passwords returns the parts of the arguments that are passwords in values of secretFlags.
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

// passwordOf returns the part of a URI, or of several, from the first password to the last.
func passwordOf(uri string) string {
	end := strings.LastIndexByte(uri, '@')
	if end < 0 {
		return ""
	}
	_, login, ok := strings.Cut(uri[:end], "://")
	if !ok {
		return uri[:end] // no URI, but it may have a password
	}
	_, password, _ := strings.Cut(login, ":")
	return password
}
