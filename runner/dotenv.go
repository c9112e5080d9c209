package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
)

// dotenvFile sets environment variables during development.
const dotenvFile = ".env"

// A dotenv is the file .env. Its variables do not override those of the environment.
type dotenv struct{ set map[string]bool }

// load sets the variables in the file, if it exists, and unsets those that the last load has set.
func (d *dotenv) load() error {
	for name := range d.set {
		_ = os.Unsetenv(name)
	}
	d.set = map[string]bool{}
	text, err := os.ReadFile(dotenvFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	variables, err := parseDotenv(string(text))
	for _, v := range variables {
		if _, there := os.LookupEnv(v[0]); !there || d.set[v[0]] {
			d.set[v[0]] = true
			err = errors.Join(err, os.Setenv(v[0], v[1]))
		}
	}
	return err
}

var dotenvLine = regexp.MustCompile(`^(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*)$`)

// parseDotenv parses lines of the form NAME=VALUE. A value may be quoted; an unquoted one ends
// before a space and #.
func parseDotenv(text string) (variables [][2]string, err error) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		m := dotenvLine.FindStringSubmatch(line)
		if m == nil {
			err = errors.Join(err, fmt.Errorf("%s:%d: must be NAME=VALUE", dotenvFile, number))
			continue
		}
		value := m[2]
		if quote := strings.IndexAny(value, `"'`); quote == 0 {
			end := strings.IndexByte(value[1:], value[0])
			if end < 0 {
				err = errors.Join(err, fmt.Errorf("%s:%d: %s has a quote that is not closed", dotenvFile, number, m[1]))
				continue
			}
			value = value[1 : end+1]
		} else if before, _, commented := strings.Cut(value, " #"); commented {
			value = strings.TrimSpace(before)
		}
		variables = append(variables, [2]string{m[1], value})
	}
	return variables, err
}
