package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Swollen takes a body whose decoded values take more memory than the body.
type Swollen struct {
	_ service.Name `service:"swollen"`

	Entrypoints struct {
		Post web.Route `web:"POST /swollen"`
	}
}

func (*Swollen) Post(_ context.Context, args struct {
	X any `json:"x"`
}) (string, error) {
	return "ok", nil
}

func TestDecodedBody(t *testing.T) {
	server := start(t, web.Config{MaxDecoded: 1 << 20}, new(Swollen))
	for body, want := range map[string]int{
		`{"x":[` + strings.Repeat("[],", 1000) + `[]]}`:    http.StatusOK,
		`{"x":[` + strings.Repeat("[],", 100_000) + `[]]}`: http.StatusRequestEntityTooLarge,
	} {
		response, err := server.client.Post(server.url+"/swollen", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("got %s for %d bytes, want %d", response.Status, len(body), want)
		}
	}
}
