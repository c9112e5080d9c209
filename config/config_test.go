package config_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/config"
)

// vectors are Nameko's own results: see docs/wire/nameko.md, Environment variables.
type vectors struct {
	Env     map[string]string
	Vectors []struct {
		YAML  string
		Value any
		Error string
	}
}

func TestVectors(t *testing.T) {
	t.Parallel()
	// Without Python's optional regex module, Nameko reads some of these differently or not at all.
	// This package reads them as with the module.
	better := map[string]bool{
		"k: ${UN SET:x}":                        true,
		"k: ${UNSET:${STR}}":                    true,
		"k: ${UNSET:a-${STR}}":                  true,
		"k: ${UNSET:${UNSET2:deep}}":            true,
		"k: ${UNSET:${UNSET2:pre_${STR}}_post}": true,
		"k: ${UNSET:https://e.com/{path}}":      true,
		"k: !env_var '${UNSET:{a: 1}}'":         true,
	}
	for _, file := range []string{"config_env_regex.json", "config_env.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		var v vectors
		if err := json.Unmarshal(data, &v); err != nil {
			t.Fatal(err)
		}
		for _, vector := range v.Vectors {
			if file == "config_env.json" && better[vector.YAML] {
				continue
			}
			t.Run(file+"/"+vector.YAML, func(t *testing.T) {
				cfg, err := config.Parse([]byte(vector.YAML), lookup(v.Env))
				if vector.Error != "" {
					if err == nil {
						t.Errorf("got %v, want an error as %s", cfg.Values, vector.Error)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := plain(t, cfg.Values); !reflect.DeepEqual(got, vector.Value) {
					t.Errorf("got %v, want %v", got, vector.Value)
				}
			})
		}
	}
}

// plain converts values to JSON, and a date to Python's form.
func plain(t *testing.T, values map[string]any) any {
	t.Helper()
	if date, ok := values["k"].(time.Time); ok {
		values["k"] = date.Format("datetime.date(2006, 1, 2)")
	}
	data, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "# nothing", "AMQP_SSL: ${UNSET}\nmax_workers: 0\ngomeko:\n", "{}"} {
		cfg := parse(t, text)
		if cfg.AMQPURI != "" || cfg.Exchange != "nameko-rpc" || cfg.MaxWorkers != 100 || cfg.ParentCallsTracked != 10 ||
			cfg.Heartbeat != time.Minute || cfg.RPCTimeout != 30*time.Second || cfg.Grace != 25*time.Second || cfg.MaxMessage != 16<<20 {
			t.Errorf("%q: got %+v", text, cfg)
		}
		if want := strings.Contains(text, "UNSET"); want != slices.Equal(cfg.Warnings, []string{"line 1: AMQP_SSL: ${UNSET} is empty, so the key has its default"}) ||
			!want && len(cfg.Warnings) > 0 {
			t.Errorf("%q: got warnings %q", text, cfg.Warnings)
		}
	}
}

// A key that should name the broker but does not is a mistake.
func TestNoBroker(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"AMQP_URI: ${RABBIT_URI}":            "line 1: AMQP_URI: ${RABBIT_URI} is empty: set the variable, or write the broker's URI, as in amqp://user:password@host:5672/vhost, or remove the key",
		"AMQP_URI:":                          "line 1: AMQP_URI: is null: write the broker's URI",
		"AMQP_URI: ''":                       `line 1: AMQP_URI: must be a URI with the scheme amqp, amqps or pyamqp, as in amqp://user:password@host:5672/vhost, not ""`,
		"AMQP_URI: rabbit:5672":              "line 1: AMQP_URI: must be a URI with the scheme",
		"AMQP_URI: [amqp://a, rabbit]":       `not "rabbit"`,
		"AMQP_URI: []":                       "line 1: AMQP_URI: is an empty list",
		"HEARTBEAT: 65536":                   "line 1: HEARTBEAT: must be at most 65535 seconds, not 65536",
		"AMQP_URI: redis://h\nserializer: x": "serializer: must be json or msgpack", // reported together
	} {
		_, err := config.Parse([]byte(text), lookup(nil))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q in it", text, err, want)
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	cfg := parse(t, `
AMQP_URI: pyamqp://u:p@h:5672/v
rpc_exchange: other
max_workers: 7
parent_calls_tracked: 3
HEARTBEAT: 5
LOGIN_METHOD: AMQPLAIN
AMQP_SSL: {ca_certs: ca.pem}
serializer: msgpack
ACCEPT: [msgpack, json]
FOO: {bar: yes}
gomeko: {rpc_timeout: 1.5, grace: 1m30s, max_message: 1024, compress_over: 32KiB, log_format: json, typed_json: true, lenient: true, nil_as_null: true}
`)
	want := config.Config{
		AMQPURI: "pyamqp://u:p@h:5672/v", Exchange: "other", MaxWorkers: 7, ParentCallsTracked: 3, Heartbeat: 5 * time.Second,
		RPCTimeout: 1500 * time.Millisecond, Grace: 90 * time.Second, MaxMessage: 1024, CompressOver: 32 << 10,
		LoginMethod: "AMQPLAIN", AMQPSSL: map[string]any{"ca_certs": "ca.pem"}, LogFormat: "json",
		Serializer: "msgpack", Accept: []string{"msgpack", "json"}, TypedJSON: true, Lenient: true, NilAsNull: true,
	}
	got := config.Config{
		AMQPURI: cfg.AMQPURI, Exchange: cfg.Exchange, MaxWorkers: cfg.MaxWorkers, ParentCallsTracked: cfg.ParentCallsTracked,
		Heartbeat: cfg.Heartbeat, RPCTimeout: cfg.RPCTimeout, Grace: cfg.Grace, MaxMessage: cfg.MaxMessage, CompressOver: cfg.CompressOver, Warnings: cfg.Warnings,
		LoginMethod: cfg.LoginMethod, AMQPSSL: cfg.AMQPSSL, LogFormat: cfg.LogFormat,
		Serializer: cfg.Serializer, Accept: cfg.Accept, TypedJSON: cfg.TypedJSON, Lenient: cfg.Lenient, NilAsNull: cfg.NilAsNull,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if foo := map[string]any{"bar": true}; !reflect.DeepEqual(cfg.Values["FOO"], foo) {
		t.Errorf("got %v, want %v", cfg.Values["FOO"], foo)
	}
	if cfg := parse(t, "gomeko: {rpc_timeout: none}"); cfg.RPCTimeout >= 0 {
		t.Errorf("got %s for none, want less than 0", cfg.RPCTimeout)
	}
	for text, want := range map[string]int{"{}": 0, "gomeko: {max_lent: 0}": -1, "gomeko: {max_lent: 7}": 7} {
		if cfg := parse(t, text); cfg.MaxLent != want {
			t.Errorf("%s: got %d to lend, want %d", text, cfg.MaxLent, want)
		}
	}
	for text, want := range map[string]string{"127.0.0.1:0": "127.0.0.1:0", "8080": "8080", "'[::1]:80'": "[::1]:80", "':8000'": ":8000", "": ""} {
		if got := parse(t, "WEB_SERVER_ADDRESS: "+text).WebAddress; got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	if cfg := parse(t, "parent_calls_tracked: 0"); cfg.ParentCallsTracked != 0 || len(cfg.Warnings) > 0 {
		t.Errorf("got %d parents, %q, want 0: a call then hands on its own id only", cfg.ParentCallsTracked, cfg.Warnings)
	}
	if cfg := parse(t, "AMQP_URI: [amqp://a, 'amqp://b']\nAMQP_SSL: true"); cfg.AMQPURI != "amqp://a;amqp://b" || cfg.AMQPSSL != true {
		t.Errorf("got %q, TLS %v, want both URIs, and TLS", cfg.AMQPURI, cfg.AMQPSSL)
	}
}

// TestDeadLetters reads the bounds of the queues of failed messages.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]config.Config{
		"{}": {DeadKeep: 30 * 24 * time.Hour, DeadSize: 1 << 30, DelayLength: 100_000},
		"gomeko: {dead_keep: 7d, dead_size: 1, delay_length: 5}": {DeadKeep: 7 * 24 * time.Hour, DeadSize: 1, DelayLength: 5},
		"gomeko: {dead_keep: none}":                              {DeadKeep: -1, DeadSize: 1 << 30, DelayLength: 100_000},
		"gomeko: {dead_keep: 36h}":                               {DeadKeep: 36 * time.Hour, DeadSize: 1 << 30, DelayLength: 100_000},
	} {
		cfg := parse(t, text)
		got := config.Config{DeadKeep: cfg.DeadKeep, DeadSize: cfg.DeadSize, DelayLength: cfg.DelayLength}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"50d": `dead_keep: must be at most 49d, or none to keep parked messages without end, not "50d"`,
		"0":   "dead_keep: must be more than 0, or none for no limit",
		"-1d": `dead_keep: must be a duration such as 30s, or a number of seconds, not "-1d"`,
		"xd":  `dead_keep: must be a duration such as 30s, or a number of seconds, not "xd"`,
	} {
		if _, err := config.Parse([]byte("gomeko: {dead_keep: "+text+"}"), lookup(nil)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	_, err := config.Parse([]byte(`AMQP_URI: 5
max_workers: ten
parent_calls_tracked: -1
HEARTBEAT: soon
serializer: pickle
ACCEPT: [json, pickle]
gomeko:
  rpc_timout: 5s
  rpc_timeout: 0
  grace: -1s
  max_message: 1.5
  log_format: xml
AMQP_SSL: 5
WEB_SERVER_ADDRESS: localhost
LOGGING: {root: {level: LOUD}}
`), lookup(nil))
	want := strings.TrimSpace(`
line 1: AMQP_URI: must be a URI with the scheme amqp, amqps or pyamqp, as in amqp://user:password@host:5672/vhost, not 5
line 2: max_workers: must be an integer of at least 1, not "ten"
line 3: parent_calls_tracked: must be an integer of at least 0, not -1
line 4: HEARTBEAT: must be a duration such as 30s, or a number of seconds, not "soon"
line 5: serializer: pickle is not supported, because reading it runs code of the sender: use json or msgpack
line 6: ACCEPT: pickle is not supported, because reading it runs code of the sender: use json or msgpack
line 8: gomeko.rpc_timout: unknown key: did you mean rpc_timeout?
line 9: gomeko.rpc_timeout: must be more than 0, or none for no limit
line 10: gomeko.grace: must be a duration such as 30s, or a number of seconds, not "-1s"
line 11: gomeko.max_message: must be an integer of at least 1, not 1.5
line 12: gomeko.log_format: must be text or json, not "xml"
line 13: AMQP_SSL: must be true, or have keys such as ca_certs, certfile and keyfile under it, not 5
line 14: WEB_SERVER_ADDRESS: must be host:port or a port, not "localhost"
line 15: LOGGING: level: must be DEBUG, INFO, WARNING, ERROR or CRITICAL, not "LOUD"
`)
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

// TestCompressOver reads sizes.
func TestCompressOver(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]int{"none": 0, "100": 100, "32KiB": 32 << 10, "2 MiB": 2 << 20} {
		if cfg, err := config.Parse([]byte("gomeko: {compress_over: "+value+"}"), lookup(nil)); err != nil || cfg.CompressOver != want {
			t.Errorf("%s: got %v, %v, want %d", value, cfg, err, want)
		}
	}
	for _, value := range []string{"0", "-1", "32KB", "1.5MiB", "KiB", "-1KiB", "9999999999999MiB", "[]"} {
		_, err := config.Parse([]byte("gomeko: {compress_over: "+value+"}"), lookup(nil))
		if err == nil || !strings.Contains(err.Error(), "gomeko.compress_over: must be a number of bytes, a size such as 32KiB or 1MiB, or \"none\", not ") {
			t.Errorf("%s: got %v", value, err)
		}
	}
}

func TestSyntax(t *testing.T) {
	t.Parallel()
	env := lookup(map[string]string{"LOOP": "${LOOP}", "SECRET": "a: b: hunter2"})
	for text, want := range map[string]string{
		"- a\n- b":                       "line 1: the top level must have keys, such as AMQP_URI: …",
		"text":                           "line 1: the top level must have keys, such as AMQP_URI: …",
		"a: 1\nb: [":                     "line 2: did not find expected node content",
		"a: 1\na: 2":                     `2: mapping key "a" already defined at line 1`,
		"\nk: ${LOOP}":                   "line 2: ${LOOP}: the variable refers to itself",
		"k: ${SECRET}":                   `line 1: ${SECRET}: is not valid YAML after substitution; !raw_env_var "…" reads any text unchanged`,
		"gomeko: 5":                      "line 1: gomeko: must be an object, not 5",
		"b: &b {max_workers: 2}\n<<: *b": "line 2: <<: cannot be used at the top level: write the keys out",
	} {
		_, err := config.Parse([]byte(text), env)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	cfg := parse(t, `
heartbeat: 5
MAX_WORKERS: 5
AMQP_URL: x
rpc_timeout: 5
LOGGING: {version: 1}
other: 1
TRANSPORT_OPTIONS: {max_retries: 3}
HEARTBEAT: 0
ACCEPT: [json, yaml]
SERVICE_CONTAINER_CLS:
`)
	want := []string{
		"line 2: heartbeat: unknown key, kept as one of your own: did you mean HEARTBEAT?",
		"line 3: MAX_WORKERS: unknown key, kept as one of your own: did you mean max_workers?",
		"line 4: AMQP_URL: unknown key, kept as one of your own: did you mean AMQP_URI?",
		"line 5: rpc_timeout: unknown key, kept as one of your own: did you mean rpc_timeout under gomeko:?",
		"line 8: TRANSPORT_OPTIONS: has no effect here: gomeko reconnects until the broker is back",
		"line 9: HEARTBEAT: 0 has no effect: without heartbeats a connection may be dead for hours unnoticed",
		"line 10: ACCEPT: \"yaml\" is not supported: json and msgpack are",
	}
	if !reflect.DeepEqual(cfg.Warnings, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(cfg.Warnings, "\n"), strings.Join(want, "\n"))
	}
}

func TestString(t *testing.T) {
	t.Parallel()
	cfg, err := config.Parse([]byte(`# amqp://u:comment@h
AMQP_URI: amqp://u:${PW:secret}@h1/;amqp://u:${PW}@h2:5672/v
DB: [postgres://me:p/w@ss@db/x, "http://h/path?a=b@c", plain]
flag: yes
n: ${N:5}
mysql: root:${PW}@tcp(db:3306)/x
libpq: host=db password='a b' user=me
http: https://h/?api_key=${PW}&b=c
jwt_secret: ${PW}
token_timeout: 5s
mail: {user: me, PASSWORD: 1234, reset_password_url: "http://h"}
keys: {api-key: [a, &b b], secrets: {one: *b}, empty_token: }
`), lookup(map[string]string{"PW": "hunter2"}))
	if err != nil {
		t.Fatal(err)
	}
	want := `AMQP_URI: amqp://u:**@h1/;amqp://u:**@h2:5672/v
DB: ['postgres://me:**@db/x', "http://h/path?a=b@c", plain]
flag: true
n: 5
mysql: root:**@tcp(db:3306)/x
libpq: host=db password=** user=me
http: https://h/?api_key=**&b=c
jwt_secret: '**'
token_timeout: 5s
mail: {user: me, PASSWORD: '**', reset_password_url: "http://h"}
keys: {api-key: ['**', '**'], secrets: {one: '**'}, empty_token: null}
`
	if got := cfg.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if got := parse(t, "").String(); got != "" {
		t.Errorf("got %q for nothing, want nothing", got)
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	if _, err := config.Load(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v for a file that is not there, want an error with its path", err)
	}
	t.Setenv("GOMEKO_TEST_WORKERS", "3")
	if err := os.WriteFile(path, []byte("max_workers: ${GOMEKO_TEST_WORKERS}\nmax_worker: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.MaxWorkers != 3 {
		t.Errorf("got %d workers, want 3", cfg.MaxWorkers)
	}
	if len(cfg.Warnings) != 1 || !strings.HasPrefix(cfg.Warnings[0], path+":2: max_worker: ") {
		t.Errorf("got %q, want a warning that begins with file and line", cfg.Warnings)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("k: ${A:${B:x}}\n")
	f.Add("a: &a [*a]\ngomeko: *a")
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := config.Parse([]byte(text), lookup(map[string]string{"A": "${B}", "B": "${A}"}))
		if err == nil {
			_ = cfg.String()
		}
	})
}

func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	cfg, err := config.Parse([]byte(text), lookup(nil))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return cfg
}

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}
}
