package config

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gomeko/gomeko/internal/nearest"
	"github.com/gomeko/gomeko/internal/secret"
)

// A reader reads the known keys of a file into a Config.
type reader struct {
	cfg      *Config
	at       string
	empty    map[*yaml.Node]string // what was written where the value is null because a variable is
	sections []Section
	mistakes []error

	prefix string     // of the names of the current keys
	key    *yaml.Node // the current key
	value  *yaml.Node
}

// readTop reads the keys at the top level. Unknown ones belong to the user.
func (r *reader) readTop(root *yaml.Node) {
	known := namekoKeys()
	r.read(root, known, func(name string) {
		switch near, edits := nearest.Name(name, names(known)); {
		case name == "<<":
			r.mistake(errors.New("cannot be used at the top level: write the keys out"))
		case edits <= 2 && len(name) > 4:
			r.warn("unknown key, kept as one of your own: did you mean " + near + "?")
		case name == "rpc_timeout" || name == "max_message":
			r.warn("unknown key, kept as one of your own: did you mean " + name + " under gomeko:?")
		}
	})
}

// readOwn reads the keys under gomeko. Unknown ones are mistakes.
func (r *reader) readOwn(v any) error {
	node := target(r.value)
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("must be an object, not %s", show(v))
	}
	r.prefix = "gomeko."
	defer func() { r.prefix = "" }()
	known := ownKeys()
	r.read(node, known, func(name string) {
		r.mistake(unknownKey(name, names(known)))
	})
	return nil
}

// readSection decodes a key under gomeko into the struct of its Section, if one was passed.
func (r *reader) readSection(any) error {
	for _, s := range r.sections {
		if s.Key == r.key.Value {
			d := decoder{at: r.at}
			d.value(place{r.prefix + s.Key, r.key.Line}, r.value, reflect.ValueOf(s.Into).Elem())
			r.mistakes = append(r.mistakes, d.mistakes...)
		}
	}
	return nil
}

// read reads the known keys of a mapping. null leaves the default, except for the broker's URI: a
// process must not start without its broker because a variable is not set.
func (r *reader) read(mapping *yaml.Node, known []key, unknown func(name string)) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		r.key, r.value = mapping.Content[i], mapping.Content[i+1]
		k := slices.IndexFunc(known, func(k key) bool { return k.name == r.key.Value })
		if k < 0 {
			unknown(r.key.Value)
			continue
		}
		var v any
		if err := r.value.Decode(&v); err != nil {
			r.mistake(err)
			continue
		}
		switch known := known[k]; {
		case v == nil && known.name == "AMQP_URI":
			r.mistake(r.noBroker())
		case v == nil:
			if written, ok := r.empty[r.value]; ok && known.standing != ignored {
				r.warn(written + " is empty, so the key has its default")
			}
		case known.standing == ignored:
			r.warn("has no effect here: " + known.does)
		default:
			if err := known.read(r, v); err != nil {
				r.mistake(err)
			}
		}
	}
}

// noBroker returns the mistake of an AMQP_URI that is null.
func (r *reader) noBroker() error {
	const remedy = "write the broker's URI, as in " + exampleURI + ", or remove the key"
	if written, ok := r.empty[r.value]; ok {
		return fmt.Errorf("%s is empty: set the variable, or %s", written, remedy)
	}
	return errors.New("is null: " + remedy)
}

func (r *reader) mistake(err error) {
	r.mistakes = append(r.mistakes, fmt.Errorf("%s%d: %s%s: %w", r.at, r.key.Line, r.prefix, r.key.Value, err))
}

func (r *reader) warn(text string) {
	r.cfg.Warnings = append(r.cfg.Warnings, fmt.Sprintf("%s%d: %s%s: %s", r.at, r.key.Line, r.prefix, r.key.Value, text))
}

func text(dst *string, v any) error {
	s, ok := v.(string)
	if !ok || s == "" {
		return fmt.Errorf("must be text, not %s", show(v))
	}
	*dst = s
	return nil
}

func truth(dst *bool, v any) error {
	b, ok := v.(bool)
	if !ok {
		return fmt.Errorf("must be true or false, not %s", show(v))
	}
	*dst = b
	return nil
}

func whole(dst *int, v any, least int) error {
	n, ok := v.(int)
	if !ok || n < least {
		return fmt.Errorf("must be an integer of at least %d, not %s", least, show(v))
	}
	*dst = n
	return nil
}

// size reads a number of bytes: an integer, or "32KiB", "1MiB". "none" is 0.
func size(dst *int, v any) error {
	switch v := v.(type) {
	case int:
		if v > 0 {
			*dst = v
			return nil
		}
	case string:
		if v == "none" {
			*dst = 0
			return nil
		}
		for unit, bytes := range map[string]int{"KiB": 1 << 10, "MiB": 1 << 20} {
			digits, ok := strings.CutSuffix(v, unit)
			if n, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 20); ok && err == nil && n > 0 {
				*dst = int(n) * bytes
				return nil
			}
		}
	}
	return fmt.Errorf(`must be a number of bytes, a size such as 32KiB or 1MiB, or "none", not %s`, show(v))
}

// duration reads "30s", "30d" or a number of seconds.
func duration(dst *time.Duration, v any) error {
	d, ok := time.Duration(-1), true
	switch v := v.(type) {
	case int:
		ok = v < int(math.MaxInt64/time.Second)
		d = time.Duration(v) * time.Second
	case float64:
		ok = v < float64(math.MaxInt64/time.Second)
		d = time.Duration(v * float64(time.Second))
	case string:
		if days, isDays := strings.CutSuffix(v, "d"); isDays {
			n, err := strconv.ParseUint(days, 10, 16)
			d, ok = time.Duration(n)*24*time.Hour, err == nil
			break
		}
		var err error
		d, err = time.ParseDuration(v)
		ok = err == nil
	}
	if !ok || d < 0 {
		return fmt.Errorf("must be a duration such as 30s, or a number of seconds, not %s", show(v))
	}
	*dst = d
	return nil
}

// show returns a value for messages, with passwords masked. A list or an object is not shown.
func show(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%q", secret.Mask(v))
	case []any:
		return "a list"
	case map[string]any, map[any]any:
		return "an object"
	}
	return fmt.Sprint(v)
}

// unknownKey returns the error for a key that is not one of the known ones.
func unknownKey(name string, known []string) error {
	if near := nearest.Likely(name, known); near != "" {
		return errors.New("unknown key: did you mean " + near + "?")
	}
	return errors.New("unknown key: known keys are " + strings.Join(known, ", "))
}

func names(keys []key) []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	return names
}
