package config

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
)

// readLogging takes the level out of what Nameko hands to Python's logging.config.dictConfig.
func readLogging(r *reader, v any) error {
	logging, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("want what Python's logging.config.dictConfig takes, version: 1 and so on, got %s", show(v))
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
		r.warn("has no effect here but for the level of root, or else of nameko: logs go to stderr; so not " + strings.Join(lost, ", "))
	}
	return nil
}

// withoutEffect names the parts whose loss somebody may notice: handlers that write elsewhere, levels of further loggers.
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

// pythonLevel reads a level of Python's logging: a name, or a number, of which 20 is INFO and 30 WARNING.
func pythonLevel(dst *slog.Level, v any) error {
	number, ok := v.(int)
	if name, isText := v.(string); isText {
		number, ok = map[string]int{
			"NOTSET": 0, "DEBUG": 10, "INFO": 20, "WARN": 30, "WARNING": 30, "ERROR": 40, "FATAL": 50, "CRITICAL": 50,
		}[strings.ToUpper(name)]
	}
	if !ok {
		return fmt.Errorf("level: want DEBUG, INFO, WARNING, ERROR or CRITICAL, got %s", show(v))
	}
	*dst = slog.LevelInfo + slog.Level((number-20)*4/10)
	return nil
}

// object returns the object that v is, or none.
func object(v any) map[string]any {
	o, _ := v.(map[string]any)
	return o
}
