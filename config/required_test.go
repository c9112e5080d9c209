package config_test

import (
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/config"
)

// store has required keys at two depths.
type store struct {
	URI   string `yaml:"uri" required:"true"`
	Name  string `yaml:"name"`
	Login struct {
		User string `yaml:"user" required:"true"`
	} `yaml:"login"`
	Replica *struct {
		URI string `yaml:"uri" required:"true"`
	} `yaml:"replica"`
}

// A required key that is missing or null is a mistake. Without a configuration, nothing is
// required.
func TestRequired(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"store: {uri: a, login: {user: b}}":                    "",
		"store: {uri: a, login: {user: b}, replica: {uri: c}}": "",
		"other: 1":                  "store.login.user: is missing: it is required; store.uri: is missing: it is required",
		"store:":                    "store.login.user: is missing: it is required; store.uri: is missing: it is required",
		"store: {uri: a}":           "line 1: store.login.user: is missing: it is required",
		"store: {uri: , login: {}}": "line 1: store.login.user: is missing: it is required; line 1: store.uri: is missing: it is required",
		"store:\n  uri: a\n  login: {user: b}\n  replica: {name: x}": "line 4: store.replica.name: unknown key: known keys are uri; line 4: store.replica.uri: is missing: it is required",
		"store: {ury: a, login: {user: b}}":                          "line 1: store.ury: unknown key: did you mean uri?; line 1: store.uri: is missing: it is required",
	} {
		app := fx.New(parse(t, text).Module(), fx.NopLogger, config.Provide("store", store{Name: "x"}))
		got := ""
		if err := app.Err(); err != nil {
			got = strings.ReplaceAll(err.Error(), "\n", "; ")
		}
		if got != want {
			t.Errorf("%q:\ngot  %s\nwant %s", text, got, want)
		}
	}
	if err := fx.New(fx.NopLogger, config.Provide("store", store{}), config.Require[RedisURI]("REDIS_URI"),
		fx.Invoke(func(store, RedisURI) {})).Err(); err != nil {
		t.Errorf("without a configuration: %v", err)
	}
}

// A key that resembles a provided one causes a warning, unless the provided one is also in the file
// or both are provided.
func TestNearMisses(t *testing.T) {
	t.Parallel()
	type uri string
	type url string
	for text, want := range map[string]string{
		"REDIS_URL: a":                "line 1: REDIS_URL: unknown key, and REDIS_URI is missing: did you mean REDIS_URI?",
		"redis_uri: a":                "line 1: redis_uri: unknown key, and REDIS_URI is missing: did you mean REDIS_URI?",
		"REDIS_URI: a\nREDIS_URL: b":  "",
		"UNRELATED: a":                "",
		"OTHER_URL: a\nREDIS_HOST: a": "",
	} {
		cfg := parse(t, text)
		app := fx.New(cfg.Module(), fx.NopLogger, config.Provide("REDIS_URI", uri("x")), config.Provide("OTHER_URL", url("x")))
		if got := strings.Join(cfg.Warnings, "; "); got != want || app.Err() != nil {
			t.Errorf("%q: got %q, %v, want %q", text, got, app.Err(), want)
		}
	}
}
