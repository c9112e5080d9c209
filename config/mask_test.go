package config_test

import (
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/gomeko/gomeko/config"
)

// No secret is shown, no matter what its key, its shape and its place are.
func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	cfg, err := config.Parse([]byte(`
tokens: [hunter2, hunter2]
pass: hunter2
authorization: Bearer hunter2
headers: {Authorization: hunter2, X-Trace: "Bearer hunter2", Cookie: "sid=hunter2"}
cookie: hunter2
sentry: {dsn: "https://hunter2@sentry.example/1"}
note: "sent Bearer hunter2.abc"
basic: Basic YW5hOmh1bnRlcjI=
jwt_example: eyJhbGciOiJIUzI1NiJ9.eyJodW50ZXIyIjoxfQ.hunter2
aws: AKIAIOSFODNN7EXAMPLE
certificate: |
  -----BEGIN PRIVATE KEY-----
  hunter2
  -----END PRIVATE KEY-----
harmless: &shared hunter2
password: *shared
base: &base {user: ana, value: hunter2}
secret: *base
db: {<<: &db {url: "postgres://u:hunter2@h/d", pwd: hunter2}, name: x}
replica: *db
list: [&one hunter2, other]
api_key: *one
number: &number 4711
pin: *number
variable: ${URL}
users: {ana: {password: hunter2}}
evil: "\e[2J\u202e \u009b"
`), func(string) (string, bool) { return "amqp://u:hunter2@h/", true })
	if err != nil {
		t.Fatal(err)
	}
	shown := cfg.String()
	for _, secret := range []string{"hunter2", "AKIA", "eyJ", "YW5h", "4711", "&", "*shared", "\x1b", "\u202e", "\u009b"} {
		if strings.Contains(shown, secret) {
			t.Errorf("got %q in:\n%s", secret, shown)
		}
	}
	for _, want := range []string{"harmless: '**'\n", "X-Trace: \"Bearer **\"", "name: x", "variable: amqp://u:**@h/\n", "list: ['**', other]", "url: \"postgres://u:**@h/d\"", `evil: "\e[2J\u202e \x9B"`} {
		if !strings.Contains(shown, want) {
			t.Errorf("got:\n%s\nwant %s in it", shown, want)
		}
	}
	var values map[string]any
	if err := yaml.Unmarshal([]byte(shown), &values); err != nil {
		t.Fatal(err)
	}
	if got := cfg.Masked(); !reflect.DeepEqual(got, values) {
		t.Errorf("got values\n%v, want\n%v", got, values)
	}
	if got := values["evil"]; got != "\x1b[2J\u202e \u009b" {
		t.Errorf("got %q", got)
	}
	if got := cfg.Values["pass"]; got != "hunter2" {
		t.Errorf("got %v: the values themselves must stay", got)
	}
}
