package httpservice

import (
	"encoding/json"
	"errors"
	"net/http"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Module contains the services and the hook that sends their errors as JSON.
var Module = fx.Module("http",
	service.Provide(new(HTTPService)),
	service.Provide(new(WebsocketRPC)),
	service.Configure(web.Hooks{Errors: sendError}),
)

// sendError sends an error as JSON with a code for programs, like Nameko's response_from_exception.
func sendError(w http.ResponseWriter, _ *http.Request, e *web.Error) {
	code := "unexpected_error"
	if invalid := (*InvalidArguments)(nil); errors.As(e, &invalid) {
		code = "invalid_arguments"
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "message": e.Message}) // an error means that the client has disconnected
}
