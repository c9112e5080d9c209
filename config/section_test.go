package config_test

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/config"
)

// settings has fields of every kind.
type settings struct {
	Database string             `yaml:"database"`
	Password string             `yaml:"password"`
	Timeout  time.Duration      `yaml:"timeout"`
	Retries  uint8              `yaml:"retries"`
	Verbose  bool               `yaml:"verbose"`
	Rates    map[string]float64 `yaml:"rates"`
	Hosts    []netip.Addr       `yaml:"hosts"`
	Backup   *Backup            `yaml:"backup"`
	Limits   `yaml:",inline"`
	Plain    int
	Kept     int `yaml:"-"`
}

type Backup struct {
	Every time.Duration `yaml:"every"`
	Keep  int           `yaml:"keep"`
}

type Limits struct {
	Max int `yaml:"max"`
}

var defaults = settings{Database: "orders.db", Timeout: 5 * time.Second, Rates: map[string]float64{"EUR": 1}, Backup: &Backup{Keep: 3}}

// provided returns the settings that an application receives for a file.
func provided(t *testing.T, text string, opts ...fx.Option) (settings, error) {
	t.Helper()
	var got settings
	if text != "" {
		opts = append(opts, parse(t, text).Module())
	}
	app := fx.New(append(opts, fx.NopLogger, config.Provide("orders", defaults), fx.Populate(&got))...)
	return got, app.Err()
}

func TestProvide(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text string
		want func(*settings)
	}{
		"no configuration": {"", func(*settings) {}},
		"no key":           {"other: {max: 5}", func(*settings) {}},
		"null":             {"orders:", func(*settings) {}},
		"null inside":      {"orders: {timeout: , rates: , backup: null}", func(*settings) {}},
		"scalars": {"orders: {database: 0123, password: 1e3, timeout: 1.5, retries: 255, verbose: on, plain: 7, max: 9}", func(s *settings) {
			s.Database, s.Password, s.Timeout, s.Retries, s.Verbose, s.Plain, s.Max = "0123", "1e3", 1500*time.Millisecond, 255, true, 7, 9
		}},
		"durations":  {"orders: {timeout: 1m30s, backup: {every: 2}}", func(s *settings) { s.Timeout, s.Backup = 90*time.Second, &Backup{2 * time.Second, 3} }},
		"map":        {"orders: {rates: {USD: 2}}", func(s *settings) { s.Rates = map[string]float64{"EUR": 1, "USD": 2} }},
		"list":       {"orders: {hosts: [127.0.0.1]}", func(s *settings) { s.Hosts = []netip.Addr{netip.MustParseAddr("127.0.0.1")} }},
		"alias":      {"b: &b {max: 5}\norders: *b", func(s *settings) { s.Max = 5 }},
		"merge":      {"b: &b {max: 5, plain: 5}\norders: {plain: 6, <<: *b}", func(s *settings) { s.Plain, s.Max = 6, 5 }},
		"merge list": {"b: &b {max: 5}\nc: &c {max: 6, plain: 6}\norders: {<<: [*b, *c]}", func(s *settings) { s.Plain, s.Max = 6, 5 }},
	} {
		t.Run(name, func(t *testing.T) {
			want := defaults
			test.want(&want)
			got, err := provided(t, test.text)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
			if len(defaults.Rates) != 1 || *defaults.Backup != (Backup{Keep: 3}) {
				t.Fatal("the defaults were changed")
			}
		})
	}
}

// A server is a section that another package describes.
type server struct {
	Path    string        `yaml:"path"`
	Timeout time.Duration `yaml:"timeout" config:"none"`
	Max     int64         `yaml:"max" config:"positive"`
	Quiet   bool          `yaml:"log" config:"inverted"`
	Pair    `yaml:",inline"`
	Handler func() `yaml:"-"`
}

type Pair struct {
	Cert  string   `yaml:"cert" config:"nonempty"`
	Hosts []string `yaml:"hosts" config:"nonempty"`
}

func (s server) Validate() error {
	var mistakes []error
	if s.Path != "" && s.Path[0] != '/' {
		mistakes = append(mistakes, errors.New("path must begin with /"))
	}
	if s.Cert == "" {
		mistakes = append(mistakes, errors.New("cert is missing"))
	}
	return errors.Join(mistakes...)
}

func TestSection(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]server{
		"gomeko: {grace: 1s}":             {Max: 7},
		"gomeko: {web: }":                 {Max: 7},
		"gomeko: {web: {log: , cert: c}}": {Max: 7, Pair: Pair{Cert: "c"}},
		"gomeko: {web: {path: /p, timeout: none, max: 9, log: false, cert: c, hosts: [a, b]}}": {
			Path: "/p", Timeout: -1, Max: 9, Quiet: true, Pair: Pair{Cert: "c", Hosts: []string{"a", "b"}},
		},
	} {
		got := server{Max: 7}
		_, err := config.Parse([]byte(text), lookup(nil), config.Section{Key: "web", Into: &got})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	parse(t, "gomeko: {web: {unknown: 1}}") // no struct is passed
}

// The mistakes of a section are reported with those of other keys.
func TestSectionMistakes(t *testing.T) {
	t.Parallel()
	_, err := config.Parse([]byte(`
max_workers: -1
gomeko:
  web:
    paht: /p
    path: p
    timeout: 0
    max: 0
    log: 5
    cert: ""
    hosts: []
  log_format: xml
`), lookup(nil), config.Section{Key: "web", Into: new(server)})
	want := strings.TrimSpace(`
line 2: max_workers: must be an integer of at least 1, not -1
line 5: gomeko.web.paht: unknown key: did you mean path?
line 7: gomeko.web.timeout: must be more than 0, or none for no limit
line 8: gomeko.web.max: must be an integer of at least 1, not 0
line 9: gomeko.web.log: must be true or false, not 5
line 10: gomeko.web.cert: must not be empty
line 11: gomeko.web.hosts: must not be empty
line 4: gomeko.web: path must begin with /
line 4: gomeko.web: cert is missing
line 12: gomeko.log_format: must be text or json, not "xml"
`)
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
	for text, want := range map[string]string{
		"gomeko: {web: 5}":                    "line 1: gomeko.web: must be an object, not 5",
		"gomeko: {web: {cert: c, max: 1.5}}":  "line 1: gomeko.web.max: must be an integer of at least 1, not 1.5",
		"gomeko: {web: {cert: c, log: soon}}": `line 1: gomeko.web.log: must be true or false, not "soon"`,
	} {
		if _, err := config.Parse([]byte(text), lookup(nil), config.Section{Key: "web", Into: new(server)}); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

// All mistakes of all keys are reported before any constructor runs.
func TestProvideMistakes(t *testing.T) {
	t.Parallel()
	made := fx.Invoke(func(settings) { t.Error("something was made of them") })
	_, err := provided(t, `
orders:
  databse: x
  database: yes
  password: [hunter2]
  timeout: soon
  retries: 256
  verbose: maybe
  rates: {USD: much}
  hosts: [127.0.0.1, nowhere]
  backup: {every: -1s, kep: 1}
  plain: "5"
  max: 1.5
  kept: 1
limit: [1]
`, config.Provide("limit", Backup{}), made)
	want := strings.TrimSpace(`
line 15: limit: must be an object, not a list
line 3: orders.databse: unknown key: did you mean database?
line 4: orders.database: must be text, not true or false: put it in quotes, or write !raw_env_var "${NAME}" if it is the value of a variable
line 5: orders.password: must be text; the value is secret and not shown
line 6: orders.timeout: must be a duration such as 30s, or a number of seconds, not "soon"
line 7: orders.retries: must be an integer from 0 to 255, not 256
line 8: orders.verbose: must be true or false, not "maybe"
line 9: orders.rates.USD: must be a number, not "much"
line 10: orders.hosts[1]: must be a valid netip.Addr, not "nowhere"
line 11: orders.backup.every: must be a duration such as 30s, or a number of seconds, not "-1s"
line 11: orders.backup.kep: unknown key: did you mean keep?
line 12: orders.plain: must be an integer, not "5"
line 13: orders.max: must be an integer, not 1.5
line 14: orders.kept: unknown key: known keys are backup, database, hosts, max, password, plain, rates, retries, timeout, verbose
`)
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}
