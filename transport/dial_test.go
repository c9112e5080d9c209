package transport_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/transport"
)

func TestConfigString(t *testing.T) {
	tests := []struct{ uri, want string }{
		{"amqp://guest:guest@127.0.0.1:5672/", "amqp://guest:**@127.0.0.1:5672//"},
		{"amqp://guest:guest@127.0.0.1:5672//", "amqp://guest:**@127.0.0.1:5672//"},
		{"amqp://127.0.0.1", "amqp://guest:**@127.0.0.1:5672//"},
		{"pyamqp://u:secret@h:1/foo", "amqp://u:**@h:1/foo"},
		{"amqps://u:secret@h/%2Ffoo%20bar", "amqps://u:**@h:5671/%2Ffoo%20bar"},
		{"amqp://u:p%40ss@[::1]/%2F", "amqp://u:**@[::1]:5672//"},
		{"amqp://u:a,b;c@h1/; amqp://u:secret@h2/,amqp://h3", "amqp://u:**@h1:5672//;amqp://u:**@h2:5672//;amqp://guest:**@h3:5672//"},
		{"amqp://u:sec/ret@h:port/", "amqp://**@h:port/"},
		{"amqp://u:%zz@h/", "amqp://u:**@h:5672//"}, // as kombu reads it
		{"amqp://u:sec/ret@h/", "amqp://**@h/"},
		{"amqp://u:12/sec@h/", "amqp://**@h/"},
		{"amqp://u:12?sec@h/", "amqp://**@h/"},
		{"amqp://u:sec@12/ret@h/", "amqp://**@h/"},
		{"amqp://u:secret@h/?heartbeat=5", "amqp://u:**@h:5672//"},
		{"amqp://u:s;c@h1:1/v;h2; h3:3;", "amqp://u:**@h1:1/v;amqp://u:**@h2:1/v;amqp://u:**@h3:3/v"},
		{"http://u:secret@h/", "http://**@h/"},
		{"amqp://h/?password=secret", "amqp://h/"},
		{"secret", "secret"},
	}
	for _, test := range tests {
		if got := (transport.Config{URI: test.uri}).String(); got != test.want {
			t.Errorf("%s: got %s, want %s", test.uri, got, test.want)
		}
	}
	secure := transport.Config{URI: "pyamqp://u:secret@h", TLS: new(tls.Config)}
	if got, want := fmt.Sprintf("%v %+v", secure, &secure), "amqps://u:**@h:5671// amqps://u:**@h:5671//"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDialErrors(t *testing.T) {
	silent := listen(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	web := listen(t, func(c net.Conn) {
		c.Read(make([]byte, 8))
		c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	})
	secure := httptest.NewTLSServer(nil)
	defer secure.Close()
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	deaf := listen(t, func(net.Conn) {})
	tests := []struct {
		name, uri string
		want      []string
	}{
		{"nobody", "amqp://bob:secret@" + hosttest.FreeAddress(t) + "/", []string{"amqp://bob:**@127.0.0.1:", "nobody is listening", "gomeko broker"}},
		{"several", "amqp://" + hosttest.FreeAddress(t) + "/a;pyamqp://" + hosttest.FreeAddress(t) + "/b", []string{"/a: nobody", "/b: nobody"}},
		{"host", "amqp://bob:secret@nosuchhost.invalid/", []string{"nosuchhost.invalid", "check the host name"}},
		{"scheme", "redis://bob:secret@h/", []string{`scheme "redis"`, "want amqp, amqps or pyamqp"}},
		{"unreadable", "amqp://bob:sec/ret@h:x/", []string{"special characters", "%XX"}},
		{"password with a slash", "amqp://bob:12/secret@h/", []string{"special characters", "%XX"}},
		{"password with a question mark", "amqp://bob:12?secret@h/", []string{"special characters", "%XX"}},
		{"port", "amqp://bob:secret@h:70000/", []string{"cannot be read"}},
		{"IPv6", "amqp://bob:secret@[::1/", []string{"cannot be read"}},
		{"several hosts", "amqp://bob:secret@h1:5672,h2:5672/", []string{`several hosts: write a complete URI for each, separated by ";"`}},
		{"pyamqps", "pyamqps://bob:secret@h/", []string{`scheme "pyamqps"`, "want amqp, amqps or pyamqp"}},
		{"unknown parameter", "amqp://h/?password=secret", []string{"parameter password: unknown: want heartbeat,"}},
		{"heartbeat", "amqp://h/?heartbeat=0", []string{"parameter heartbeat: must be an integer from 1 to 65535"}},
		{"login method", "amqp://h/?auth_mechanism=gssapi", []string{"parameter auth_mechanism: unknown login method \"gssapi\": want PLAIN"}},
		{"EXTERNAL in plain", "amqp://h/?login_method=EXTERNAL", []string{"EXTERNAL uses the client's certificate: write amqps://"}},
		{"certificates in plain", "amqp://h/?cacertfile=ca.pem", []string{"need TLS: write amqps://"}},
		{"no such file", "amqps://h/?cacertfile=nosuchfile.pem", []string{"broker's URI: cacertfile: open nosuchfile.pem: no such file"}},
		{"timeout", "amqp://" + silent + "/?connection_timeout=50", []string{"no AMQP broker answers there: no answer within 50ms"}},
		{"empty", "", []string{"the broker's URI is empty: want amqp"}},
		{"web server", "amqp://" + web + "/", []string{"does not speak AMQP 0-9-1", "check the port"}},
		{"hangs up", "amqp://" + deaf + "/", []string{"hangs up", "amqps://"}},
		{"no TLS", "amqps://bob:secret@" + web + "/", []string{"does not speak TLS", "amqp://"}},
		{"unknown CA", "amqps://bob:secret@" + secure.Listener.Addr().String() + "/", []string{"unknown authority", "set the file of the broker's CA"}},
		{"silent", "amqp://" + silent + "/", []string{"no AMQP broker answers there", "tired of waiting"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ctx := t.Context()
			if test.name == "silent" {
				short, cancel := context.WithTimeoutCause(ctx, 100*time.Millisecond, errors.New("tired of waiting"))
				defer cancel()
				ctx = short
			}
			refused(t, ctx, transport.Config{URI: test.uri}, test.want...)
		})
	}
}

func TestDialRefused(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		u, err := url.Parse(uri)
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword("bob", "secret")
		err = refused(t, t.Context(), transport.Config{URI: u.String()}, "403 ACCESS_REFUSED - Login was refused", `login of user "bob" refused`)
		if e := new(transport.Error); !errors.As(err, &e) || e.Code != 403 {
			t.Errorf("got %#v, want an *Error of 403", err)
		}
		u.User = url.UserPassword("guest", "guest")
		u.Path = "/no such vhost"
		err = refused(t, t.Context(), transport.Config{URI: u.String()}, "530 NOT_ALLOWED", `create the vhost "no such vhost"`)
		if e := new(transport.Error); !errors.As(err, &e) || e.Code != 530 {
			t.Errorf("got %#v, want an *Error of 530", err)
		}
		// The second broker of a list is tried when the first fails.
		c := dial(t, "amqp://"+hosttest.FreeAddress(t)+"/;"+strings.Replace(uri, "amqp:", "pyamqp:", 1))
		if err := c.Wait(limit(t)); err != nil || c.Epoch() != 1 {
			t.Errorf("got epoch %d, %v, want 1", c.Epoch(), err)
		}
	})
}

// refused dials, and expects an error that has these parts and does not have the password.
func refused(t *testing.T, ctx context.Context, cfg transport.Config, parts ...string) error {
	t.Helper()
	c, err := transport.Dial(ctx, cfg)
	if err == nil {
		c.Close(ctx)
		t.Fatal("got a connection, want an error")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %v, want %q in it", err, part)
		}
	}
	if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "sec/ret") {
		t.Errorf("got %v, with the password", err)
	}
	t.Log(err)
	return err
}

// listen serves connections with f.
func listen(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f(c)
			c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String()
}
