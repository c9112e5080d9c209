package web_test

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gomeko/gomeko/internal/hosttest"
)

// dial opens a socket, and closes it when the test ends.
func (p *process) dial(t testing.TB, header http.Header) *websocket.Conn {
	t.Helper()
	d := websocket.Dialer{HandshakeTimeout: hosttest.Timeout}
	conn, answer, err := d.DialContext(t.Context(), "ws"+strings.TrimPrefix(p.url, "http")+"/ws", header)
	if err != nil {
		t.Fatalf("%v, %v", err, answer)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(hosttest.Timeout))
	return conn
}

// socket opens a socket and reads its event connected.
func (p *process) socket(t testing.TB) *websocket.Conn {
	t.Helper()
	conn := p.dial(t, nil)
	if got := string(readFrame(t, conn)); !strings.Contains(got, `"connected"`) {
		t.Fatalf("got %s, want that it is connected", got)
	}
	return conn
}

// tcp opens a TCP connection to the server.
func (p *process) tcp(t testing.TB) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(hosttest.Timeout))
	return conn
}

func write(t testing.TB, conn *websocket.Conn, kind int, text string) {
	t.Helper()
	if err := conn.WriteMessage(kind, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func readFrame(t testing.TB, conn *websocket.Conn) []byte {
	t.Helper()
	_, frame, err := conn.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

// ask sends a request and returns the answer.
func ask(t testing.TB, conn *websocket.Conn, request string) string {
	t.Helper()
	write(t, conn, websocket.TextMessage, request)
	return string(readFrame(t, conn))
}

// closeCode reads until the server closes the socket, and returns the close code.
func closeCode(t testing.TB, conn *websocket.Conn) int {
	t.Helper()
	for {
		_, _, err := conn.ReadMessage()
		if closed := (*websocket.CloseError)(nil); errors.As(err, &closed) {
			return closed.Code
		}
		if err != nil {
			t.Fatalf("got %v, want a close", err)
		}
	}
}

// handshake attempts an upgrade and returns the status.
func (p *process) handshake(t testing.TB, header http.Header) int {
	t.Helper()
	d := websocket.Dialer{HandshakeTimeout: hosttest.Timeout}
	conn, answer, err := d.DialContext(t.Context(), "ws"+strings.TrimPrefix(p.url, "http")+"/ws", header)
	if err == nil {
		conn.Close()
	}
	if answer == nil {
		t.Fatal(err)
	}
	return answer.StatusCode
}
