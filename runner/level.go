package runner

import (
	"errors"
	"log/slog"
)

// A levelFlag is the value of --log-level.
type levelFlag slog.Level

// Set implements [pflag.Value].
func (l *levelFlag) Set(text string) error {
	if (*slog.Level)(l).UnmarshalText([]byte(text)) != nil {
		return errors.New("must be debug, info, warn or error")
	}
	return nil
}

// String implements [pflag.Value].
func (l *levelFlag) String() string { return slog.Level(*l).String() }

// Type implements [pflag.Value].
func (l *levelFlag) Type() string { return "level" }
