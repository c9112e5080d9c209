package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// A key is a configuration key that is known; read is nil when it is another package's business.
type key struct {
	name string
	read func(r *reader, v any) error
}

// namekoKeys are the keys at the top level (SPEC §0).
func namekoKeys() []key {
	return []key{
		{"AMQP_URI", func(r *reader, v any) error { return text(&r.cfg.AMQPURI, v) }},
		{"rpc_exchange", func(r *reader, v any) error { return text(&r.cfg.Exchange, v) }},
		{"max_workers", readMaxWorkers},
		{"parent_calls_tracked", readParents},
		{"HEARTBEAT", readHeartbeat},
		{"serializer", readSerializer},
		{"ACCEPT", readAccept},
		{"gomeko", (*reader).readOwn},
		{"SERIALIZERS", ignored("json is the only serializer")},
		{"AMQP_SSL", ignored("write amqps:// in AMQP_URI")},
		{"LOGIN_METHOD", ignored("the login is PLAIN")},
		{"TRANSPORT_OPTIONS", ignored("a broker that is gone is dialled until it is back")},
		{"LOGGING", ignored("there are --log-level and --log-format")},
		{"SERVICE_CONTAINER_CLS", ignored("it names a Python class")},
		{"WEB_SERVER_ADDRESS", nil},
		{"AUTO_DELETE_EVENT_EXCHANGES", nil},
		{"DECLARE_EVENT_EXCHANGES", nil},
	}
}

// ownKeys are the keys under gomeko.
func ownKeys() []key {
	return []key{
		{"rpc_timeout", readTimeout},
		{"grace", func(r *reader, v any) error { return duration(&r.cfg.Grace, v) }},
		{"max_message", func(r *reader, v any) error { return whole(&r.cfg.MaxMessage, v, 1) }},
	}
}

// A reader reads the known keys of a file into a Config.
type reader struct {
	cfg      *Config
	at       string
	mistakes []error

	prefix string     // of the names of the keys that are read now
	key    *yaml.Node // that is read now
	value  *yaml.Node
}

// readTop reads the keys of the file. What it does not know there is the user's.
func (r *reader) readTop(root *yaml.Node) {
	known := namekoKeys()
	r.read(root, known, func(name string) {
		switch near, distance := nearest(name, known); {
		case name == "<<":
			r.mistake(errors.New("cannot be merged into the top level; write the keys out"))
		case distance <= 2 && len(name) > 4:
			r.warn("is not known and kept as yours; did you mean " + near + "?")
		case name == "rpc_timeout" || name == "max_message":
			r.warn("is not known and kept as yours; did you mean " + name + " under gomeko:?")
		}
	})
}

// readOwn reads the keys under gomeko, which are all ours.
func (r *reader) readOwn(v any) error {
	node := r.value
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("want keys with values under it, got %s", show(v))
	}
	r.prefix = "gomeko."
	defer func() { r.prefix = "" }()
	known := ownKeys()
	r.read(node, known, func(name string) {
		near, _ := nearest(name, known)
		r.mistake(errors.New("is not known; the nearest is " + near))
	})
	return nil
}

// read reads each key of a mapping that is known and has a value; null is none.
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
		} else if v != nil && known[k].read != nil {
			if err := known[k].read(r, v); err != nil {
				r.mistake(err)
			}
		}
	}
}

func (r *reader) mistake(err error) {
	r.mistakes = append(r.mistakes, fmt.Errorf("%s%d: %s%s: %w", r.at, r.key.Line, r.prefix, r.key.Value, err))
}

func (r *reader) warn(text string) {
	r.cfg.Warnings = append(r.cfg.Warnings, fmt.Sprintf("%s%d: %s%s: %s", r.at, r.key.Line, r.prefix, r.key.Value, text))
}

// readMaxWorkers takes 0 for the default, as Nameko does.
func readMaxWorkers(r *reader, v any) error {
	if v == 0 {
		return nil
	}
	return whole(&r.cfg.MaxWorkers, v, 1)
}

func readParents(r *reader, v any) error {
	if v == 0 {
		r.warn("0 has no effect here: 1 is the least")
		v = 1
	}
	return whole(&r.cfg.ParentCallsTracked, v, 1)
}

func readHeartbeat(r *reader, v any) error {
	var d time.Duration
	if err := duration(&d, v); err != nil {
		return err
	}
	switch {
	case d == 0:
		r.warn("0 has no effect here: a connection without heartbeats may be dead for hours unnoticed")
		return nil
	case d%time.Second != 0:
		return fmt.Errorf("want whole seconds, got %s", show(v))
	}
	r.cfg.Heartbeat = d
	return nil
}

func readTimeout(r *reader, v any) error {
	if v == "none" {
		r.cfg.RPCTimeout = -1
		return nil
	}
	if err := duration(&r.cfg.RPCTimeout, v); err != nil {
		return err
	}
	if r.cfg.RPCTimeout == 0 {
		return errors.New(`want more than 0, or none for a call that may wait for ever`)
	}
	return nil
}

func readSerializer(_ *reader, v any) error {
	if v != "json" {
		return fmt.Errorf("want json, the only serializer so far, got %s", show(v))
	}
	return nil
}

func readAccept(r *reader, v any) error {
	accept, _ := v.([]any)
	if !slices.Contains(accept, any("json")) {
		return fmt.Errorf("want a list with json in it, the only serializer so far, got %s", show(v))
	}
	if len(accept) > 1 {
		r.warn("only json is accepted so far")
	}
	return nil
}

func ignored(why string) func(*reader, any) error {
	return func(r *reader, _ any) error {
		r.warn("has no effect here: " + why)
		return nil
	}
}

func text(dst *string, v any) error {
	s, ok := v.(string)
	if !ok || s == "" {
		return fmt.Errorf("want text, got %s", show(v))
	}
	*dst = s
	return nil
}

func whole(dst *int, v any, least int) error {
	n, ok := v.(int)
	if !ok || n < least {
		return fmt.Errorf("want a whole number from %d on, got %s", least, show(v))
	}
	*dst = n
	return nil
}

// duration reads "30s" or a number of seconds.
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
		var err error
		d, err = time.ParseDuration(v)
		ok = err == nil
	}
	if !ok || d < 0 {
		return fmt.Errorf("want a duration like 30s, or seconds, got %s", show(v))
	}
	*dst = d
	return nil
}

// show quotes a value of a few words; lists and objects are named only, and passwords are masked.
func show(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%q", maskURIs(v))
	case []any:
		return "a list"
	case map[string]any, map[any]any:
		return "an object"
	}
	return fmt.Sprint(v)
}

// nearest returns the known key that is the fewest changes of a letter away from name, case aside.
func nearest(name string, known []key) (near string, distance int) {
	distance = math.MaxInt
	for _, k := range known {
		if d := changes(strings.ToLower(name), strings.ToLower(k.name)); d < distance {
			near, distance = k.name, d
		}
	}
	return near, distance
}

// changes is the Levenshtein distance of a and b in bytes.
func changes(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0]++
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
