// Command ownmain hosts a service in a program with its own main function, flags and logger.
//
//	go run ./examples/ownmain -broker embedded
//
// Call the service from a second terminal:
//
//	gomeko call greeting_service.hello name=Julio
package main

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/gomeko/gomeko/examples/helloworld"
	"github.com/gomeko/gomeko/runner"
	"github.com/gomeko/gomeko/service"
)

func main() {
	file := flag.String("config", "", "configuration `file`, YAML")
	broker := flag.String("broker", "", "`URI` of the broker, or embedded")
	flag.Parse()
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg := runner.Config{File: *file, Broker: *broker, Logger: log}
	if err := runner.Run(ctx, cfg, service.Provide(new(helloworld.Greeting))); err != nil {
		log.Error("services ended", "err", err)
		os.Exit(1)
	}
}
