package broker_test

import (
	"io"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/frame"
	"github.com/gomeko/gomeko/internal/hosttest"
)

// A wire is a client that can send invalid input.
type wire struct {
	t      testing.TB
	conn   net.Conn
	frames *frame.Reader
}

// plug connects to a broker in memory.
func plug(t testing.TB, b *broker.Broker) *wire {
	t.Helper()
	conn, err := b.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return newWire(t, conn)
}

func newWire(t testing.TB, conn net.Conn) *wire {
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(hosttest.Timeout))
	frames := frame.NewReader(conn)
	frames.SetMaxSize(128 << 10)
	return &wire{t: t, conn: conn, frames: frames}
}

func (w *wire) write(b []byte) {
	w.t.Helper()
	if _, err := w.conn.Write(b); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) send(channel uint16, m frame.Method) {
	w.t.Helper()
	var b frame.Buffer
	b.Method(channel, m)
	w.write(b.Bytes())
}

// read returns the next method. It skips heartbeats.
func (w *wire) read() frame.Method {
	w.t.Helper()
	for {
		f, err := w.frames.Next()
		if err != nil {
			w.t.Fatal(err)
		}
		if f.Type == frame.TypeHeartbeat {
			continue
		}
		m, err := w.frames.Method(f.Payload)
		if err != nil {
			w.t.Fatal(err)
		}
		return m
	}
}

// content skips the content of a message whose body is in one frame.
func (w *wire) content() {
	w.t.Helper()
	for range 2 {
		if _, err := w.frames.Next(); err != nil {
			w.t.Fatal(err)
		}
	}
}

// ended waits until the broker closes the connection.
func (w *wire) ended() {
	w.t.Helper()
	if _, err := io.Copy(io.Discard, w.conn); err != nil {
		w.t.Errorf("got %v, want the end of the connection", err)
	}
}

// login begins a connection and returns the answer to the login.
func (w *wire) login(start *frame.ConnectionStartOk) frame.Method {
	w.t.Helper()
	w.write([]byte(frame.ProtocolHeader))
	if m, ok := w.read().(*frame.ConnectionStart); !ok {
		w.t.Fatalf("got %T, want connection.start", m)
	}
	w.send(0, start)
	return w.read()
}

var guest = &frame.ConnectionStartOk{
	ClientProperties: frame.Table{{Name: "capabilities", Value: frame.Table{
		{Name: "authentication_failure_close", Value: true},
	}}},
	Mechanism: "PLAIN", Response: "\x00guest\x00guest", Locale: "en_US",
}

// open opens a connection with a heartbeat in seconds, and its channel 1.
func (w *wire) open(heartbeat uint16) { w.openTo("/", heartbeat) }

func (w *wire) openTo(vhost string, heartbeat uint16) {
	w.t.Helper()
	w.login(guest)
	w.send(0, &frame.ConnectionTuneOk{ChannelMax: 2047, FrameMax: 128 << 10, Heartbeat: heartbeat})
	w.send(0, &frame.ConnectionOpen{VirtualHost: vhost})
	w.read()
	w.send(1, &frame.ChannelOpen{})
	if m, ok := w.read().(*frame.ChannelOpenOk); !ok {
		w.t.Fatalf("got %T, want channel.open-ok", m)
	}
}

func TestProtocolHeader(t *testing.T) {
	for _, header := range []string{"AMQP\x01\x01\x00\x09", "GET / HT"} {
		w := plug(t, start(t, broker.Config{}))
		w.write([]byte(header))
		got, err := io.ReadAll(w.conn)
		if err != nil || string(got) != frame.ProtocolHeader {
			t.Errorf("%q: got %q, %v, want %q", header, got, err, frame.ProtocolHeader)
		}
	}
}

func TestLogin(t *testing.T) {
	const refused = "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile."
	b := start(t, broker.Config{Users: map[string]string{"me": "secret"}})
	tests := []struct {
		name, mechanism, response string
		text                      string // of the error
	}{
		{"plain", "PLAIN", "\x00me\x00secret", ""},
		{"amqplain", "AMQPLAIN", "\x05LOGINS\x00\x00\x00\x02me\x08PASSWORDS\x00\x00\x00\x06secret", ""},
		{"wrong password", "PLAIN", "\x00me\x00guess", refused},
		{"unknown user", "PLAIN", "\x00guest\x00guest", refused},
		{"no password", "PLAIN", "\x00guest", refused},
		{"malformed", "AMQPLAIN", "\x05LOGINS\x00\x00", "ACCESS_REFUSED - Login was refused using authentication mechanism AMQPLAIN. For details see the broker logfile."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := plug(t, b)
			start := *guest
			start.Mechanism, start.Response = tt.mechanism, tt.response
			switch m := w.login(&start).(type) {
			case *frame.ConnectionTune:
				if tt.text != "" {
					t.Errorf("let in, want %q", tt.text)
				}
			case *frame.ConnectionClose:
				if m.ReplyCode != 403 || m.ReplyText != tt.text {
					t.Errorf("got %d %q, want 403 %q", m.ReplyCode, m.ReplyText, tt.text)
				}
				w.send(0, &frame.ConnectionCloseOk{})
				w.ended()
			default:
				t.Errorf("got %T", m)
			}
		})
	}
}

// A client without authentication_failure_close is cut off when its login fails.
func TestLoginOfOldClient(t *testing.T) {
	w := plug(t, start(t, broker.Config{}))
	w.write([]byte(frame.ProtocolHeader))
	w.read()
	w.send(0, &frame.ConnectionStartOk{Mechanism: "PLAIN", Response: "\x00guest\x00no", Locale: "en_US"})
	w.ended()
}

// violations violate the protocol. Each closes the connection with RabbitMQ's text.
var violations = []struct {
	name string
	send []byte
	code uint16
	text string
	ours string // where ours differs from RabbitMQ's
}{
	{
		name: "channel not open",
		send: frames(func(b *frame.Buffer) { b.Method(2, &frame.BasicQos{}) }),
		code: 504, text: "CHANNEL_ERROR - expected 'channel.open'",
	},
	{
		name: "channel open twice",
		send: frames(func(b *frame.Buffer) { b.Method(1, &frame.ChannelOpen{}) }),
		code: 504, text: "CHANNEL_ERROR - second 'channel.open' seen",
	},
	{
		name: "connection opened twice",
		send: frames(func(b *frame.Buffer) { b.Method(0, &frame.ConnectionOpen{VirtualHost: "/"}) }),
		code: 504, text: "CHANNEL_ERROR - unexpected method in connection state running",
	},
	{
		name: "method of a server",
		send: frames(func(b *frame.Buffer) { b.Method(1, &frame.QueueDeclareOk{}) }),
		code: 503, text: "COMMAND_INVALID - unimplemented method",
	},
	{
		name: "header without a method",
		send: frames(func(b *frame.Buffer) { b.Content(1, frame.ClassBasic, frame.Properties{0, 0}, nil, 4096) }),
		code: 505, text: "UNEXPECTED_FRAME - expected method frame, got non method frame instead",
	},
	{
		name: "method without its header",
		send: frames(func(b *frame.Buffer) {
			b.Method(1, &frame.BasicPublish{})
			b.Method(1, &frame.BasicPublish{})
		}),
		code: 505, text: "UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead",
	},
	{
		name: "header of another class",
		send: frames(func(b *frame.Buffer) {
			b.Method(1, &frame.BasicPublish{})
			b.Content(1, frame.ClassQueue, frame.Properties{0, 0}, nil, 4096)
		}),
		code: 505, text: "UNEXPECTED_FRAME - expected content header for class 60, got one for class 50 instead",
	},
	{
		name: "header without its body",
		send: append(
			raw(1, 1, 0, 60, 0, 40, 0, 0, 0, 0, 0), // basic.publish
			append(
				raw(2, 1, 0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0), // a body of 4 bytes
				raw(1, 1, 0, 60, 0, 110, 1)...)...),                  // basic.recover
		code: 505, text: "UNEXPECTED_FRAME - expected content body, got non content body frame instead",
	},
	{
		name: "unknown method",
		send: raw(1, 1, 0, 60, 0, 99),
		code: 540, ours: "NOT_IMPLEMENTED - unknown method 60.99",
	},
	{
		name: "unknown frame type",
		send: raw(7, 1),
		code: 501, text: "FRAME_ERROR - type 7, all octets = <<>>: unknown_frame",
	},
	{
		name: "bad end of a frame",
		send: frames(func(b *frame.Buffer) {
			b.Heartbeat()
			b.Bytes()[b.Len()-1] = 0
		}),
		code: 501, text: "FRAME_ERROR - type 8, all octets = <<>>: {invalid_frame_end_marker,0}",
	},
	{
		name: "method cut short",
		send: raw(1, 1, 0, 50, 0, 10, 0, 0, 9),
		code: 502, ours: "SYNTAX_ERROR - a field of 9 bytes in a frame with 0 bytes left",
	},
	{
		name: "header cut short",
		send: frames(func(b *frame.Buffer) {
			b.Method(1, &frame.BasicPublish{})
			b.Content(1, frame.ClassBasic, frame.Properties{0x80, 0, 9}, nil, 4096)
		}),
		code: 502, ours: "SYNTAX_ERROR - a content header ends within property 0",
	},
}

func frames(add func(*frame.Buffer)) []byte {
	var b frame.Buffer
	add(&b)
	return b.Bytes()
}

// raw returns a frame of any kind.
func raw(kind byte, channel byte, payload ...byte) []byte {
	b := []byte{kind, 0, channel, 0, 0, 0, byte(len(payload))}
	return append(append(b, payload...), 0xCE)
}

func TestViolations(t *testing.T) {
	for _, tt := range violations {
		try := func(t *testing.T, w *wire, text string) {
			w.open(0)
			w.write(tt.send)
			m, ok := w.read().(*frame.ConnectionClose)
			if !ok {
				t.Fatalf("got %T, want connection.close", m)
			}
			if m.ReplyCode != tt.code || m.ReplyText != text {
				t.Errorf("got  %d %s\nwant %d %s", m.ReplyCode, m.ReplyText, tt.code, text)
			}
		}
		t.Run(tt.name, func(t *testing.T) {
			text := tt.text
			if tt.ours != "" {
				text = tt.ours
			}
			w := plug(t, start(t, broker.Config{}))
			try(t, w, text)
			w.send(0, &frame.ConnectionCloseOk{})
			w.ended()
		})
		if tt.text != "" {
			t.Run(tt.name+"/rabbitmq", func(t *testing.T) {
				u, err := url.Parse(brokertest.DefaultVHost(t))
				if err != nil {
					t.Fatal(err)
				}
				conn, err := net.Dial("tcp", u.Host)
				if err != nil {
					t.Fatal(err)
				}
				try(t, newWire(t, conn), tt.text)
			})
		}
	}
}
