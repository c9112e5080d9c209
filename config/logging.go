package config

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
)

// readLogging reads the level from a configuration of Python's logging.config.dictConfig.
func readLogging(r *reader, v any) error {
	logging, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("must be an object for Python's logging.config.dictConfig, not %s", show(v))
	}
	loggers := object(logging["loggers"])
	for _, logger := range []any{logging["root"], loggers[""], loggers["nameko"]} {
		level := object(logger)["level"]
		if level == nil {
			continue
		}
		if err := pythonLevel(&r.cfg.LogLevel, level); err != nil {
			return err
		}
		break
	}
	if lost := withoutEffect(logging); len(lost) > 0 {
		r.warn("only the level of root, or otherwise of nameko, has an effect; logs go to stderr. Without effect: " + strings.Join(lost, ", "))
	}
	return nil
}

// withoutEffect returns the parts that have no effect although somebody may rely on them: handlers
// that do not write to stderr, and levels of other loggers.
func withoutEffect(logging map[string]any) []string {
	var lost []string
	handlers, loggers := object(logging["handlers"]), object(logging["loggers"])
	for _, name := range slices.Sorted(maps.Keys(handlers)) {
		switch object(handlers[name])["class"] {
		case "logging.StreamHandler", "logging.NullHandler", nil:
		default:
			lost = append(lost, "handlers."+name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(loggers)) {
		if name != "" && name != "nameko" && object(loggers[name])["level"] != nil {
			lost = append(lost, "loggers."+name)
		}
	}
	return lost
}

// pythonLevel reads a level of Python's logging: a name or a number. 20 is INFO, 30 is WARNING.
func pythonLevel(dst *slog.Level, v any) error {
	number, ok := v.(int)
	if name, isText := v.(string); isText {
		number, ok = map[string]int{
			"NOTSET": 0, "DEBUG": 10, "INFO": 20, "WARN": 30, "WARNING": 30, "ERROR": 40, "FATAL": 50, "CRITICAL": 50,
		}[strings.ToUpper(name)]
	}
	if !ok {
		return fmt.Errorf("level: must be DEBUG, INFO, WARNING, ERROR or CRITICAL, not %s", show(v))
	}
	*dst = slog.LevelInfo + slog.Level((number-20)*4/10)
	return nil
}

// object returns v if it is an object, and otherwise nil.
func object(v any) map[string]any {
	o, _ := v.(map[string]any)
	return o
}
