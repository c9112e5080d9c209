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

// maxKeys is the size of a file of keys, in bytes, over which it is refused.
const maxKeys = 64 << 10

// guard returns the option that has rows with allow refuse calls without a grant, if there are keys
// of control panels. A program may have its own keys instead.
func (s *settings) guard() (fx.Option, error) {
	text, err := grantKeys(s.cfg.GrantKey)
	if err != nil || text == "" {
		return fx.Options(), s.keyError(err)
	}
	keys, err := grant.ParseKeys(text)
	if err != nil {
		return nil, s.keyError(err)
	}
	return service.Defaults(keys.Guard()), nil
}

// keyError names the key of the configuration that err is about.
func (s *settings) keyError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: gomeko.grant_key: %w", s.file, err)
}

// grantKeys returns the keys that are configured: the text, or what the file has.
func grantKeys(configured string) (string, error) {
	file, isFile := strings.CutPrefix(strings.TrimSpace(configured), "@")
	if !isFile {
		return configured, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKeys+1))
	if err == nil && len(text) > maxKeys {
		err = fmt.Errorf("%s has more than %d bytes: write the public keys of control panels there, in PEM", file, maxKeys)
	}
	if err == nil && strings.TrimSpace(string(text)) == "" {
		err = fmt.Errorf("%s is empty: write the public keys of control panels there, in PEM", file)
	}
	return string(text), err
}
