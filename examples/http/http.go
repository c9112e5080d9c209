package httpservice

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// HTTPService answers requests.
type HTTPService struct {
	_ service.Name `service:"http_service"`

	Entrypoints struct {
		GetMethod       web.Route `web:"GET /get/{value}"`
		DoPost          web.Route `web:"POST /post"`
		Privileged      web.Route `web:"GET /privileged"`
		Headers         web.Route `web:"GET /headers"`
		Custom          web.Route `web:"GET /custom"`
		CustomException web.Route `web:"GET /custom_exception"`
	}
}

// GetMethod is called with what the path has.
func (*HTTPService) GetMethod(_ context.Context, value int) (string, error) {
	return fmt.Sprintf(`{"value": %d}`, value), nil
}

// DoPost reads the body itself.
func (*HTTPService) DoPost(_ context.Context, r *http.Request) (string, error) {
	body, err := io.ReadAll(r.Body)
	return "received: " + string(body), err
}

// Privileged has a status of its own.
func (*HTTPService) Privileged(context.Context) (web.Response, error) {
	return web.Response{Status: http.StatusForbidden, Body: "Forbidden"}, nil
}

// Headers has a header too.
func (*HTTPService) Headers(context.Context) (web.Response, error) {
	location := http.Header{"Location": {"https://www.example.com/widget/1"}}
	return web.Response{Status: http.StatusCreated, Header: location, Body: ""}, nil
}

// Custom writes its answer itself.
func (*HTTPService) Custom(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprint(w, "payload")
}

// CustomException fails, as the client is told by a code.
func (*HTTPService) CustomException(context.Context) error {
	return &InvalidArguments{"Argument `foo` is required."}
}

// InvalidArguments is the error of a request that lacks something.
type InvalidArguments struct{ text string }

func (e *InvalidArguments) Error() string { return e.text }

// HTTPStatus returns the status of its answer.
func (*InvalidArguments) HTTPStatus() int { return http.StatusBadRequest }

// Expected returns true: it is for the client to mend.
func (*InvalidArguments) Expected() bool { return true }
