package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gomeko/gomeko/broker"
)

// The brokers by name.
const (
	rabbitMQ = "RabbitMQ"
	embedded = "embedded"
	natsIO   = "NATS"
)

// brokers are those of a session, each started when it is first asked for.
type brokers struct {
	children map[string]*process
	vhosts   int      // given out so far
	made     []string // on RabbitMQ
	profile  string   // the folder for profiles
}

// vhosts is how many virtual hosts the embedded broker has beside "/": one for each contestant.
const vhosts = 50

// get returns the URI of a fresh virtual host on a broker, and the broker's process.
func (b *brokers) get(name string) (uri string, pid int, err error) {
	switch name {
	case "":
		return "", 0, nil
	case rabbitMQ:
		return b.rabbitMQ()
	}
	child := b.children[name]
	if child == nil {
		role := map[string]string{embedded: "broker", natsIO: "nats server"}[name]
		if child, err = start("", b.profile, role); err != nil {
			return "", 0, err
		}
		if b.children == nil {
			b.children = map[string]*process{}
		}
		b.children[name] = child
	}
	uri = child.ready.URI
	if name == embedded {
		b.vhosts++
		uri += strconv.Itoa(b.vhosts)
	}
	return uri, child.pid(), nil
}

// rabbitMQ makes a virtual host on the RabbitMQ that scripts/rabbitmq runs.
func (b *brokers) rabbitMQ() (uri string, pid int, err error) {
	uri = os.Getenv("GOMEKO_RABBITMQ")
	if uri == "" {
		return "", 0, errors.New("GOMEKO_RABBITMQ names no RabbitMQ: `make bench` runs one, where it is installed")
	}
	var nodes []struct {
		PID string `json:"os_pid"`
	}
	for len(nodes) == 0 || nodes[0].PID == "" { // it has been started just now
		if err := manage(http.MethodGet, "nodes", &nodes); err != nil {
			return "", 0, err
		}
		time.Sleep(10 * time.Millisecond)
	}
	if pid, err = strconv.Atoi(nodes[0].PID); err != nil {
		return "", 0, err
	}
	b.vhosts++
	vhost := fmt.Sprintf("bench-%d-%d", os.Getpid(), b.vhosts)
	if err := manage(http.MethodPut, "vhosts/"+vhost, nil); err != nil {
		return "", 0, err
	}
	b.made = append(b.made, vhost)
	return strings.TrimSuffix(uri, "/") + "/" + vhost, pid, nil
}

// close ends the brokers that were started, and leaves nothing on RabbitMQ.
func (b *brokers) close() {
	for _, child := range b.children {
		child.stop()
	}
	for _, vhost := range b.made {
		if err := manage(http.MethodDelete, "vhosts/"+vhost, nil); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}
}

// manage asks RabbitMQ's management API.
func manage(method, path string, answer any) error {
	request, err := http.NewRequest(method, os.Getenv("GOMEKO_RABBITMQ_API")+"/api/"+path, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	if answer == nil {
		_, err = io.Copy(io.Discard, response.Body)
		return err
	}
	return json.NewDecoder(response.Body).Decode(answer)
}

// serveBroker is the embedded broker.
func serveBroker(_ context.Context, r *role, _ []string) error {
	cfg := broker.Config{Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))}
	for i := range vhosts {
		cfg.VHosts = append(cfg.VHosts, strconv.Itoa(i+1))
	}
	addr, err := broker.New(cfg).Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	r.uri = fmt.Sprintf("amqp://guest:guest@%s/", addr)
	return nil
}
