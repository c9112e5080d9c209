package httpqueue_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/web"
)

// A front gives the same answers over HTTP/2. If a body is cut off, the stream is reset.
func TestHTTP2(t *testing.T) {
	uri := brokertest.Embedded(t)
	serve(t, uri, application())
	url := front(t, uri, web.Config{H2C: true})
	transport := &http.Transport{Protocols: new(http.Protocols), DisableCompression: true}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	for _, c := range []struct {
		method, path, body, want string
		trailers                 int
	}{
		{"GET", "/items/7?tag=a", "", "item 7 of [a]", 0},
		{"POST", "/form", "", "request Content-Type isn't multipart/form-data\n", 0},
		{"GET", "/flushed", "", "0\n1\n2\n", 1},
		{"GET", "/trailers", "", "body", 2},
	} {
		request, _ := http.NewRequestWithContext(t.Context(), c.method, url+c.path, strings.NewReader(c.body))
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, response); got != c.want || response.ProtoMajor != 2 || len(response.Trailer) != c.trailers {
			t.Errorf("%s: got %s %q and the trailers %v, want %q", c.path, response.Proto, got, response.Trailer, c.want)
		}
	}
	response, err := client.Post(url+"/echo", "text/plain", strings.NewReader(strings.Repeat("a", 2<<20)))
	if err != nil {
		t.Fatal(err)
	}
	if got := len(read(t, response)); got < 2<<20 {
		t.Errorf("got %d bytes of an echo, want 2 MiB", got)
	}
	response, err = client.Get(url + "/half")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.ReadAll(response.Body); err == nil {
		t.Error("got a body that looks whole")
	}
}
