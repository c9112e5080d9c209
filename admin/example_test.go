package admin_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/gomeko/gomeko/admin"
	"github.com/gomeko/gomeko/service"
)

// The module adds a path. Package runner opens the address that gomeko.admin configures.
func ExampleHandler() {
	version := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "1.4.2") })
	module := service.Configure(admin.Handler{Pattern: "GET /version", Handler: version})

	ctx := context.Background()
	container, err := service.New(service.Config{Logger: slog.New(slog.DiscardHandler)},
		new(Depot), module, service.Configure[service.Extension](admin.Serve))
	if err != nil {
		fmt.Println(err)
		return
	}
	server, err := admin.Listen(ctx, admin.Config{Address: "127.0.0.1:0"}, container.Host())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close(ctx)

	response, err := http.Get("http://" + server.Addr().String() + "/version")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	fmt.Print(string(text), err)
	// Output:
	// 1.4.2
	// <nil>
}
