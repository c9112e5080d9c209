package runner

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// stamp is the version that gomeko build has linked into the program, or "". Only a global variable
// can be set by the linker.
var stamp string

func (c *command) buildCommand() *cobra.Command {
	var output, version string
	cmd := &cobra.Command{
		Use:   "build PKG[:Service]… -o FILE",
		Short: "Build packages of services into a static program, for an image",
		Long: "Build packages of services into a static program, for an image.\n\n" +
			"PKG is what gomeko run takes. The program is the one that it would run: it has the flags and commands of every\n" +
			"program with runner.Main. It is linked statically unless CGO_ENABLED is set; GOOS and GOARCH build for another\n" +
			"system. gomeko services shows its version.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("build: what? Name a folder or an import path, as in gomeko build ./orders -o bin/orders")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if output == "" {
				return usagef("-o: is missing: name the file to write the program to, as in gomeko build %s -o bin/program", args[0])
			}
			file, err := filepath.Abs(output)
			if err != nil {
				return err
			}
			if info, err := os.Stat(file); err == nil && info.IsDir() {
				return usagef("-o %s: is a folder: name a file", output)
			}
			if _, set := os.LookupEnv("CGO_ENABLED"); !set {
				if err := os.Setenv("CGO_ENABLED", "0"); err != nil {
					return err
				}
			}
			_, err = c.buildTo(cmd.Context(), c.notices(), args, file, func(dir string) []string {
				version := cmp.Or(version, gitVersion(cmd.Context(), dir))
				return []string{"-trimpath", "-ldflags=-s -w -X " + gomekoModule + "/runner.stamp=" + version}
			})
			return err
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "`FILE` to write the program to")
	cmd.Flags().StringVar(&version, "version", "", "`VERSION` of the services (default: that of git describe)")
	return cmd
}

// gitVersion returns the version of a folder according to git describe, or "".
func gitVersion(ctx context.Context, dir string) string {
	out, err := exec.CommandContext(ctx, "git", "-C", dir, "describe", "--tags", "--always", "--dirty").Output()
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(out))
}

// programVersion returns the version of this program that the go command recorded.
func programVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
