package config_test

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/config"
)

// settings are of every kind there is.
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

// provided reads text and returns what an application is given of it.
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

// All mistakes of all keys come out, before anything is made of any.
func TestProvideMistakes(t *testing.T) {
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
  kept: 1
limit: [1]
`, config.Provide("limit", Backup{}), made)
	want := strings.TrimSpace(`
line 14: limit: want keys with values under it, got a list
line 3: orders.databse: is not known; the nearest is database
line 4: orders.database: want text, got true or false: put it in quotes
line 5: orders.password: want text, got what is not shown
line 6: orders.timeout: want a duration like 30s, or seconds, got "soon"
line 7: orders.retries: want a whole number from 0 on of at most 8 bits, got 256
line 8: orders.verbose: want true or false, got "maybe"
line 9: orders.rates.USD: want a number, got "much"
line 10: orders.hosts[1]: want what netip.Addr reads, got "nowhere"
line 11: orders.backup.every: want a duration like 30s, or seconds, got "-1s"
line 11: orders.backup.kep: is not known; the nearest is keep
line 12: orders.plain: want a whole number of at most 64 bits, got "5"
line 13: orders.kept: is not known; the nearest is hosts
`)
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}
