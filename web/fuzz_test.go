package web_test

import (
	"bufio"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Requests with any target and any body are answered, and never with 500.
func FuzzBinding(f *testing.F) {
	for _, seed := range []struct{ method, target, kind, body string }{
		{"GET", "/sum/1/2", "", ""},
		{"GET", "/sum/-128/+1", "", ""},
		{"GET", "/uuid/12345678-1234-5678-1234-567812345678", "", ""},
		{"GET", "/both/1e400?unit=%ff", "", ""},
		{"GET", "/files/%2e%2e/%00", "", ""},
		{"GET", "/things?id=1&name=x&sizes=1&sizes=2&tag=", "", ""},
		{"GET", "/things?id=%zz;&=&&name", "", ""},
		{"POST", "/things", jsonType, `{"id": 1, "name": "tea", "count": null, "sizes": [1, 2.0], "tenant": 7}`},
		{"POST", "/things", jsonType, `{"id": 1, "id": 2, "name": "\ud800"}`},
		{"POST", "/things", jsonType, `{"id": 1e99, "name": {"a": [[]]}`},
		{"POST", "/things", jsonType, `{"id": 1, "name": "x"} {}`},
		{"POST", "/things", "application/vnd.x+json; charset=latin1", `{}`},
		{"POST", "/things", formType, "id=1&name=%f0%9f%9a%80&count=&sizes=x"},
		{"POST", "/things", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=id\r\n\r\n1\r\n--b--"},
		{"POST", "/things", "multipart/form-data", "--\r\n"},
		{"PUT", "/things/7", "", `{"name": "x"}`},
		{"PATCH", "/things/07", jsonType, `{"name": "x"}`},
	} {
		f.Add(seed.method, seed.target, seed.kind, seed.body)
	}
	quiet := service.Config{Logger: slog.New(slog.DiscardHandler)}
	p := startConfigured(f, quiet, web.Config{}, new(Shop))
	f.Fuzz(func(t *testing.T, method, target, kind, body string) {
		if strings.ContainsAny(method+target, " \r\n\t\x00") || strings.ContainsAny(kind, "\r\n\x00") || !strings.HasPrefix(target, "/") ||
			strings.HasPrefix(target, "/failed") || strings.HasPrefix(target, "/panicked") || strings.HasPrefix(target, "/unsent") || strings.HasPrefix(target, "/respond") {
			t.Skip("no request, or one for a method that fails")
		}
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(hosttest.Timeout))
		_, err = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", method, target, kind, len(body), body)
		if err != nil {
			return // the response came before the request was written completely
		}
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode >= 500 && answer.StatusCode != http.StatusHTTPVersionNotSupported && answer.StatusCode != http.StatusNotImplemented {
			t.Errorf("got %s for %q %q %q %q", answer.Status, method, target, kind, body)
		}
	})
}
