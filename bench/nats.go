package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

func serveNATS(_ context.Context, r *role, _ []string) error {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT})
	if err != nil {
		return err
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		return errors.New("the server does not start")
	}
	r.uri = s.ClientURL()
	return nil
}

func serveNATSMicro(_ context.Context, _ *role, args []string) error {
	conn, err := nats.Connect(args[0])
	if err != nil {
		return err
	}
	_, err = micro.AddService(conn, micro.Config{Name: "bench", Version: "1.0.0", Endpoint: &micro.EndpointConfig{
		Subject: "bench.echo",
		Handler: micro.HandlerFunc(func(r micro.Request) {
			var q request
			if err := json.Unmarshal(r.Data(), &q); err != nil {
				panic(err)
			}
			if err := r.RespondJSON(reply{Result: q.Args[0]}); err != nil {
				panic(err)
			}
		}),
	}})
	return err
}

func callNATSMicro(_ context.Context, r *role, args []string) error {
	conn, err := nats.Connect(args[0])
	if err != nil {
		return err
	}
	r.call = func(ctx context.Context, text string) error {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		body, err := json.Marshal(request{Args: []string{text}, Kwargs: map[string]string{}})
		if err != nil {
			return err
		}
		m, err := conn.RequestWithContext(ctx, "bench.echo", body)
		if err != nil {
			return err
		}
		var r reply
		return json.Unmarshal(m.Data, &r)
	}
	return nil
}
