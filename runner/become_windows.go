package runner

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
)

// become runs program and ends as it does. Windows sends Ctrl-C to both, and this process waits.
func become(program string, argv []string) error {
	signal.Ignore(os.Interrupt)
	cmd := exec.Command(program, argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		os.Exit(exit.ExitCode())
	}
	return err
}
