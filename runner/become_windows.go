package runner

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
)

// become runs program, waits for it and exits with its status. Windows sends Ctrl-C to both
// processes.
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
