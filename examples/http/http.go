package httpservice

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// HTTPService implements Nameko's HTTP examples.
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

// GetMethod takes the wildcard of its path as an int.
func (*HTTPService) GetMethod(_ context.Context, value int) (string, error) {
	return fmt.Sprintf(`{"value": %d}`, value), nil
}

// DoPost reads the body itself.
func (*HTTPService) DoPost(_ context.Context, r *http.Request) (string, error) {
	body, err := io.ReadAll(r.Body)
	return "received: " + string(body), err
}

// Privileged chooses the status.
func (*HTTPService) Privileged(context.Context) (web.Response, error) {
	return web.Response{Status: http.StatusForbidden, Body: "Forbidden"}, nil
}

// Headers sets a header.
func (*HTTPService) Headers(context.Context) (web.Response, error) {
	location := http.Header{"Location": {"https://www.example.com/widget/1"}}
	return web.Response{Status: http.StatusCreated, Header: location, Body: ""}, nil
}

// Custom writes the response itself.
func (*HTTPService) Custom(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprint(w, "payload")
}

// CustomException returns an error that [Module] sends with a code.
func (*HTTPService) CustomException(context.Context) error {
	return &InvalidArguments{"Argument `foo` is required."}
}

// InvalidArguments is the error of a request without a required argument.
type InvalidArguments struct{ text string }

func (e *InvalidArguments) Error() string { return e.text }

// HTTPStatus returns the status of the response.
func (*InvalidArguments) HTTPStatus() int { return http.StatusBadRequest }

// Expected returns true: the client must correct its request.
func (*InvalidArguments) Expected() bool { return true }
