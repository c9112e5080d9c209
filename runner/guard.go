package runner

import (
	"fmt"
	"io"
	"os"
	"strings"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/panel/grant"
	"github.com/gomeko/gomeko/service"
)

// maxFile limits the size of a file with a value, in bytes.
const maxFile = 64 << 10

// guard returns the option that makes rows with allow refuse calls without a grant, if keys of
// control panels are configured. A program may provide its own keys instead.
func (s *settings) guard() (fx.Option, error) {
	text, err := fileValue(s.cfg.GrantKey)
	if err != nil || text == "" {
		return fx.Options(), s.keyError(err)
	}
	keys, err := grant.ParseKeys(text)
	if err != nil {
		return nil, s.keyError(err)
	}
	return service.Defaults(keys.Guard()), nil
}

// keyError adds the configuration key to err.
func (s *settings) keyError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: gomeko.grant_key: %w", s.file, err)
}

// fileValue returns a configured value: the text itself or, for @FILE, the content of the file.
func fileValue(configured string) (string, error) {
	file, isFile := strings.CutPrefix(strings.TrimSpace(configured), "@")
	if !isFile {
		return configured, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return "", err
	case len(text) > maxFile:
		return "", fmt.Errorf("%s has more than %d bytes: name the file with the value", file, maxFile)
	case strings.TrimSpace(string(text)) == "":
		return "", fmt.Errorf("%s is empty: write the value there", file)
	}
	return string(text), nil
}
