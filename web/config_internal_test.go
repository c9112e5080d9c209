package web

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/config"
)

// yamlKeys returns the keys of a struct's yaml tags, in order.
func yamlKeys(t reflect.Type) (keys []string) {
	for i := range t.NumField() {
		key, options, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		switch {
		case options == "inline":
			keys = append(keys, yamlKeys(t.Field(i).Type)...)
		case key != "-":
			keys = append(keys, key)
		}
	}
	return keys
}

// TestDocumentation compares the table of docs/configuration.md with the fields of Config and their
// defaults.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "<!-- keys of web -->\n")
	table, _, closed := strings.Cut(table, "<!-- end -->")
	if !closed {
		t.Fatal("docs/configuration.md has no table between <!-- keys of web --> and <!-- end -->")
	}
	var keys []string
	text := "gomeko:\n  web:\n"
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (?:`(.*?)`)? *\\| .+ \\|$").FindAllStringSubmatch(table, -1) {
		keys = append(keys, row[1])
		if row[2] != "" {
			text += fmt.Sprintf("    %s: %s\n", row[1], row[2])
		}
	}
	if want := yamlKeys(reflect.TypeFor[Config]()); !reflect.DeepEqual(keys, want) {
		t.Errorf("docs/configuration.md has the keys\n%q, want those of Config:\n%q", keys, want)
	}
	got := decode(t, text)
	want := Config{}.withDefaults()
	want.Address, want.Codec = "", nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the defaults of the page are\n%+v, those of Config\n%+v", got, want)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	got := decode(t, `
gomeko:
  web: {header_timeout: 1s, read_timeout: 2, write_timeout: 3s, idle_timeout: 4s, max_header: 5, max_body: 6, timeout: none, max_waiting: 8, drain_delay: 7s, live_path: /live, ready_path: /ready,
    h2c: yes, tls_cert: c.pem, tls_key: k.pem, access_log: false,
    socket_origins: ["https://a.example", "*"], socket_max_frame: 9, socket_queue: 10, socket_drop_events: true, socket_ping: none, socket_idle: 11s,
    hub: fleet, max_feeds: 12, feed_max_channels: 13, feed_queue: 14, feed_window: 15, feed_window_bytes: 16, feed_wait: 17s, feed_ping: none}
`)
	want := Config{
		HeaderTimeout: time.Second, ReadTimeout: 2 * time.Second, WriteTimeout: 3 * time.Second, IdleTimeout: 4 * time.Second,
		MaxHeader: 5, MaxBody: 6, DrainDelay: 7 * time.Second, LivePath: "/live", ReadyPath: "/ready", H2C: true, TLSCert: "c.pem", TLSKey: "k.pem", NoAccessLog: true,
		Timeout: -1, MaxWaiting: 8, Sockets: Sockets{
			Origins: []string{"https://a.example", "*"}, MaxFrame: 9, Queue: 10, DropEvents: true, Ping: -1, Idle: 11 * time.Second,
		},
		Hub: "fleet", Feeds: Feeds{Max: 12, MaxChannels: 13, Queue: 14, Window: 15, WindowBytes: 16, Wait: 17 * time.Second, Ping: -1},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestConfigMistakes checks that mistakes in a configuration file are reported with their lines.
func TestConfigMistakes(t *testing.T) {
	t.Parallel()
	_, err := config.Parse([]byte(`
gomeko:
  web:
    read_timeuot: 1s
    max_body: 0
    tls_key: k.pem
    timeout: 0
    socket_origins: https://a.example
    live_path: live
    ready_path: ready
    socket_max_frame: -1
    hub: flet
`), os.LookupEnv, config.Section{Key: "web", Into: new(Config)})
	want := strings.TrimSpace(`
line 4: gomeko.web.read_timeuot: unknown key: did you mean read_timeout?
line 5: gomeko.web.max_body: must be an integer of at least 1, not 0
line 7: gomeko.web.timeout: must be more than 0, or none for no limit
line 8: gomeko.web.socket_origins: must be a list, not "https://a.example"
line 11: gomeko.web.socket_max_frame: must be an integer of at least 1, not -1
line 3: gomeko.web: Hub "flet" is not known: write fleet for the clients of all processes, or process for those of this one
line 3: gomeko.web: ReadyPath "ready" must begin with a slash, such as /ready
line 3: gomeko.web: LivePath "live" must begin with a slash, such as /live
line 3: gomeko.web: only one of tls_cert and tls_key is set: set both for HTTPS, or neither for HTTP
`)
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

// decode returns the Config in a configuration file.
func decode(t *testing.T, text string) (c Config) {
	t.Helper()
	if _, err := config.Parse([]byte(text), os.LookupEnv, config.Section{Key: "web", Into: &c}); err != nil {
		t.Fatal(err)
	}
	return c
}
