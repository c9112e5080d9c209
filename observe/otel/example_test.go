package otel_test

import (
	"context"
	"fmt"
	"log/slog"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/gomeko/gomeko/observe/otel"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A program passes the module next to those of its services. Environment variables turn it on:
//
//	func main() { runner.Main(module, otel.Module) }
func ExampleModule() {
	c, err := service.New(service.Config{Logger: slog.New(slog.DiscardHandler)}, new(Till), otel.Module,
		service.Configure(transport.Config{URI: "amqp://localhost"}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Names())
	// Output: [till]
}

// A program that has created its own provider, for instance with another sampler, uses it for all
// services.
func ExampleNewObserver() {
	provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.TraceIDRatioBased(0.1)))
	defer provider.Shutdown(context.Background())

	o, err := otel.NewObserver(otel.Config{Tracer: func(string) trace.TracerProvider { return provider }})
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := service.New(service.Config{Logger: slog.New(slog.DiscardHandler)}, new(Till), service.Configure(o),
		service.Configure(transport.Config{URI: "amqp://localhost"}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Names())
	// Output: [till]
}
