package config_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/config"
)

// TestNamekoExample reads the configuration of Nameko's own documentation (its page on the command
// line), unchanged.
func TestNamekoExample(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load("testdata/nameko.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if cfg.AMQPURI != "pyamqp://guest:guest@localhost" || cfg.Exchange != "nameko-rpc" || cfg.MaxWorkers != 10 ||
		cfg.ParentCallsTracked != 10 || cfg.WebAddress != "0.0.0.0:8000" || cfg.LogLevel != slog.LevelDebug {
		t.Errorf("got %+v", cfg)
	}
	if len(cfg.Warnings) > 0 {
		t.Errorf("got the warnings %q, want none", cfg.Warnings)
	}
}

// The same page has its broker in the environment, plain and tagged.
func TestNamekoExampleEnvironment(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"AMQP_URI: pyamqp://${RABBITMQ_USER:guest}:${RABBITMQ_PASSWORD:password}@${RABBITMQ_HOST:localhost}",
		`AMQP_URI: !env_var "pyamqp://${RABBITMQ_USER:guest}:${RABBITMQ_PASSWORD:password}@${RABBITMQ_HOST:localhost}"`,
	} {
		cfg, err := config.Parse([]byte(text), lookup(map[string]string{"RABBITMQ_USER": "user", "RABBITMQ_HOST": "host"}))
		if err != nil {
			t.Fatal(err)
		}
		if want := "pyamqp://user:password@host"; cfg.AMQPURI != want {
			t.Errorf("got %s, want %s", cfg.AMQPURI, want)
		}
	}
}

func TestLogging(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		logging string
		level   slog.Level
		warning string // what it names
	}{
		{"{version: 1}", slog.LevelInfo, ""},
		{"{root: {level: WARNING}, loggers: {nameko: {level: DEBUG}}}", slog.LevelWarn, ""},
		{"{loggers: {'': {level: critical}}}", slog.LevelError + 4, ""},
		{"{loggers: {nameko: {level: 10}, amqp: {}}}", slog.LevelDebug, ""},
		{"{root: {level: ERROR}, loggers: {amqp: {level: DEBUG}}}", slog.LevelError, "loggers.amqp"},
		{"{handlers: {a: {class: logging.StreamHandler}, f: {class: logging.FileHandler, filename: x}, s: {class: syslog}}}",
			slog.LevelInfo, "handlers.f, handlers.s"},
	} {
		cfg := parse(t, "LOGGING: "+test.logging)
		if cfg.LogLevel != test.level {
			t.Errorf("%s: got %s, want %s", test.logging, cfg.LogLevel, test.level)
		}
		if got := strings.Join(cfg.Warnings, "\n"); (got == "") != (test.warning == "") || !strings.HasSuffix(got, test.warning) {
			t.Errorf("%s: got %q, want a warning of %q", test.logging, got, test.warning)
		}
	}
}
