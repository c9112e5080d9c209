package config_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/config"
)

func TestWeb(t *testing.T) {
	cfg := parse(t, `
WEB_SERVER_ADDRESS: 127.0.0.1:0
gomeko:
  web: {header_timeout: 1s, read_timeout: 2, write_timeout: 3s, idle_timeout: 4s, max_header: 5, max_body: 6, timeout: none, max_waiting: 8, drain_delay: 7s, ready_path: /ready,
    h2c: yes, tls_cert: c.pem, tls_key: k.pem, access_log: false,
    socket_origins: ["https://a.example", "*"], socket_max_frame: 9, socket_queue: 10, socket_drop_events: true, socket_ping: none, socket_idle: 11s}
`)
	want := config.Web{
		HeaderTimeout: time.Second, ReadTimeout: 2 * time.Second, WriteTimeout: 3 * time.Second, IdleTimeout: 4 * time.Second,
		MaxHeader: 5, MaxBody: 6, DrainDelay: 7 * time.Second, ReadyPath: "/ready", H2C: true, CertFile: "c.pem", KeyFile: "k.pem", NoAccessLog: true,
		Timeout: -1, MaxWaiting: 8, SocketOrigins: []string{"https://a.example", "*"}, SocketMaxFrame: 9, SocketQueue: 10, SocketDropEvents: true,
		SocketPing: -1, SocketIdle: 11 * time.Second,
	}
	if cfg.WebAddress != "127.0.0.1:0" || !reflect.DeepEqual(cfg.Web, want) {
		t.Errorf("got %s, %+v, want 127.0.0.1:0, %+v", cfg.WebAddress, cfg.Web, want)
	}
	for text, want := range map[string]string{"8080": "8080", "'[::1]:80'": "[::1]:80", "':8000'": ":8000", "": ""} {
		if got := parse(t, "WEB_SERVER_ADDRESS: "+text).WebAddress; got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestWebMistakes(t *testing.T) {
	_, err := config.Parse([]byte(`
WEB_SERVER_ADDRESS: localhost
gomeko:
  web:
    read_timeuot: 1s
    max_body: 0
    tls_key: k.pem
    timeout: 0
    socket_origins: https://a.example
  log_format: xml
`), lookup(nil))
	want := []string{
		`line 2: WEB_SERVER_ADDRESS: want host:port or a port, got "localhost"`,
		`line 5: gomeko.web.read_timeuot: is not known; the nearest is read_timeout`,
		`line 6: gomeko.web.max_body: want a whole number from 1 on, got 0`,
		`line 8: gomeko.web.timeout: want more than 0, or none for no limit`,
		`line 9: gomeko.web.socket_origins: want a list of origins such as https://app.example.org, got "https://a.example"`,
		`line 4: gomeko.web: want tls_cert and tls_key, or neither`,
		`line 10: gomeko.log_format: want text or json, got "xml"`,
	}
	if err == nil || err.Error() != strings.Join(want, "\n") {
		t.Errorf("got:\n%v\nwant:\n%s", err, strings.Join(want, "\n"))
	}
}
