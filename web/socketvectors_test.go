package web_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/gomeko/gomeko/internal/golden"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Vectored is the service of the recorded vectors, in Go.
type Vectored struct {
	_ service.Name `service:"vec_web"`

	Entrypoints struct {
		Echo           web.SocketMethod `web:"echo(value=None)"`
		SocketID       web.SocketMethod `web:"sockid"`
		Fail           web.SocketMethod `web:"fail(which)"`
		SubGhost       web.SocketMethod `web:"sub_ghost"`
		Subscriptions  web.SocketMethod `web:"subs"`
		Subscribe      web.SocketMethod `web:"subscribe(channel)"`
		Unsubscribe    web.SocketMethod `web:"unsubscribe(channel)"`
		Broadcast      web.SocketMethod `web:"broadcast(channel, value)"`
		Unicast        web.SocketMethod `web:"unicast(target, value)"`
		Unserializable web.SocketMethod `web:"unserializable"`
	}

	Hub web.Hub
}

func (*Vectored) Echo(_ context.Context, value any) (any, error) { return value, nil }

func (*Vectored) SocketID(_ context.Context, s *web.Socket) (string, error) { return s.ID, nil }

func (*Vectored) Fail(_ context.Context, which string) (any, error) {
	if which == "expected" {
		return nil, rpc.NewError("vec_web.Expected", "ws expected")
	}
	return nil, errors.New("ws other")
}

func (v *Vectored) SubGhost(context.Context) error { return v.Hub.Subscribe("nope", "chan") }

func (v *Vectored) Subscriptions(_ context.Context, s *web.Socket) ([]string, error) {
	return v.Hub.Subscriptions(s.ID), nil
}

func (v *Vectored) Subscribe(_ context.Context, s *web.Socket, channel string) (string, error) {
	return "subscribed to " + channel, v.Hub.Subscribe(s.ID, channel)
}

func (v *Vectored) Unsubscribe(_ context.Context, s *web.Socket, channel string) (string, error) {
	v.Hub.Unsubscribe(s.ID, channel)
	return "unsubscribed", nil
}

func (v *Vectored) Broadcast(ctx context.Context, channel string, value int) (bool, error) {
	return true, v.Hub.Broadcast(ctx, channel, "news", map[string]int{"value": value})
}

func (v *Vectored) Unicast(ctx context.Context, target string, value int) (bool, error) {
	return v.Hub.Unicast(ctx, target, "private", map[string]int{"value": value})
}

func (*Vectored) Unserializable(context.Context) (any, error) { return func() {}, nil }

// A socketVector contains the frames that Nameko exchanged on two sockets.
type socketVector struct {
	Name        string        `json:"name"`
	Client      string        `json:"client_frame"`
	Frames      []vectorFrame `json:"server_frames"`
	OtherFrames []vectorFrame `json:"other_socket_0_frames"`
	Request     struct {
		Text string `json:"utf8"`
	} `json:"request_raw"`
	Response struct {
		Text string `json:"utf8"`
	} `json:"response_raw"`
}

type vectorFrame struct {
	Opcode  int    `json:"opcode"`
	Payload string `json:"payload"`
}

// purpose says why an outcome differs from Nameko's.
var purpose = map[string]string{
	"unexpected_exception": "of a fault a browser is told the id of the call, by which the log has it, and nothing of the inside",
	"missing_method":       "the correlation_id can be read, so the answer has it: its sender waits for that",
	"unserializable":       "Nameko writes an HTTP 500 into the socket, which ends it. Here the call fails with UnserializableValueError, and the socket goes on",
}

// TestSocketVectors replays all vectors. docs/wire/websocket.md lists the outcomes.
func TestSocketVectors(t *testing.T) {
	t.Parallel()
	// On loopback, the host in the vectors must be allowed explicitly.
	p := start(t, web.Config{Sockets: web.Sockets{Origins: []string{"http://vec.test"}}}, new(Vectored))
	data, err := os.ReadFile("testdata/websocket.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []socketVector `json:"vectors"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	replay := &replay{process: p, a: p.socket(t), b: p.socket(t)}
	rows := make([]golden.Row, 0, len(file.Vectors))
	for _, v := range file.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			got, want := replay.outcome(t, v), v.outcome(t)
			row := golden.Row{Group: "websocket", Vector: v.Name, Differs: purpose[v.Name]}
			if slices.Equal(got, want) == (row.Differs != "") {
				t.Errorf("got\n%s\nwant\n%s\nunless on purpose", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			rows = append(rows, row)
		})
	}
	golden.Table(t, "websocket", `Frames on a websocket at /ws, replayed against a service with the same methods. Frames are compared
byte for byte, except for the ids of sockets, and for characters outside of ASCII, which Nameko
escapes and gomeko writes as UTF-8.`, rows)
}

// outcome returns the frames that the vector's client received, one per line.
func (v socketVector) outcome(t *testing.T) []string {
	var lines []string
	if head, _, _ := strings.Cut(v.Response.Text, "\r\n\r\n"); head != "" {
		lines = strings.Split(head, "\r\n")
		slices.Sort(lines)
	}
	for i, frame := range append(v.Frames, v.OtherFrames...) {
		if frame.Opcode != websocket.TextMessage {
			data, err := base64.StdEncoding.DecodeString(frame.Payload)
			if err != nil {
				t.Fatal(err)
			}
			frame.Payload = string(data)
		}
		lines = append(lines, seen(i >= len(v.Frames), frame.Opcode, []byte(frame.Payload)))
	}
	return lines
}

var (
	anyID   = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	escapes = regexp.MustCompile(`(\\u[0-9a-f]{4})+`)
)

// seen returns a frame as a line.
func seen(other bool, opcode int, payload []byte) string {
	payload = escapes.ReplaceAllFunc(payload, func(escaped []byte) []byte {
		var text string
		if err := json.Unmarshal([]byte(`"`+string(escaped)+`"`), &text); err != nil {
			return escaped
		}
		return []byte(text)
	})
	return fmt.Sprintf("%t %d %s", other, opcode, anyID.ReplaceAllString(string(payload), "<id>"))
}

// A replay has the two sockets of a vector.
type replay struct {
	*process
	a, b *websocket.Conn
}

// outcome sends the frames of the vector's client and returns what it received.
func (r *replay) outcome(t *testing.T, v socketVector) []string {
	conn := r.a
	switch v.Name {
	case "handshake":
		return r.handshake(t, v.Request.Text)
	case "after_unserializable":
		return []string{next(t, r.dial(t, nil), false)}
	case "ping":
		return []string{r.pong(t)}
	case "close":
		return []string{r.closed(t)}
	case "binary_frame":
		write(t, conn, websocket.BinaryMessage, `{"method": "echo", "data": {"value": 1}, "correlation_id": "bin"}`)
		return []string{next(t, conn, false)}
	case "subscribe_b", "unsubscribe_b":
		conn = r.b
	case "unicast":
		v.Client = anyID.ReplaceAllString(v.Client, r.id(t))
	}
	write(t, conn, websocket.TextMessage, v.Client)
	var lines []string
	for i := range v.Frames {
		if i == 0 || purpose[v.Name] == "" { // an outcome that differs has one answer
			lines = append(lines, next(t, conn, false))
		}
	}
	for range v.OtherFrames {
		lines = append(lines, next(t, r.b, true))
	}
	return lines
}

// handshake sends the recorded request.
func (r *replay) handshake(t *testing.T, request string) []string {
	conn := r.tcp(t)
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	var lines []string
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line == "\r\n" {
			break
		}
		lines = append(lines, strings.TrimRight(line, "\r\n"))
	}
	slices.Sort(lines)
	head := make([]byte, 2)
	if _, err := io.ReadFull(reader, head); err != nil || head[0] != 0x80|websocket.TextMessage {
		t.Fatalf("got %x, %v, want a text frame", head, err)
	}
	payload := make([]byte, head[1])
	if _, err := io.ReadFull(reader, payload); err != nil {
		t.Fatal(err)
	}
	return append(lines, seen(false, int(head[0]&0xf), payload))
}

// id returns the ID of b.
func (r *replay) id(t *testing.T) string {
	write(t, r.b, websocket.TextMessage, `{"method": "sockid"}`)
	return anyID.FindString(string(readFrame(t, r.b)))
}

// pong pings a, and sends a request in order to see the pong before its answer.
func (r *replay) pong(t *testing.T) string {
	pong := ""
	r.a.SetPongHandler(func(data string) error { pong = data; return nil })
	if err := r.a.WriteMessage(websocket.PingMessage, []byte("hi")); err != nil {
		t.Fatal(err)
	}
	write(t, r.a, websocket.TextMessage, `{"method": "echo"}`)
	readFrame(t, r.a)
	return seen(false, websocket.PongMessage, []byte(pong))
}

func (r *replay) closed(t *testing.T) string {
	write(t, r.b, websocket.CloseMessage, string(websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")))
	code := closeCode(t, r.b)
	return seen(false, websocket.CloseMessage, websocket.FormatCloseMessage(code, ""))
}

func next(t *testing.T, conn *websocket.Conn, other bool) string {
	t.Helper()
	return seen(other, websocket.TextMessage, readFrame(t, conn))
}
