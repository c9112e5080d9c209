package runner

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Kiln has a call that lasts until it is released.
type Kiln struct {
	_ service.Name `service:"kiln"`

	Entrypoints struct {
		Burn rpc.Method `rpc:"burn"`
	}

	burns   chan struct{}
	release chan struct{}
}

func (k *Kiln) Burn(context.Context) error {
	k.burns <- struct{}{}
	<-k.release
	return nil
}

// TestFleetCommands runs the commands against two instances, one of which refuses most of them.
func TestFleetCommands(t *testing.T) {
	uri := brokertest.Embedded(t)
	config := hosttest.Config{Broker: transport.Config{URI: uri}}
	kiln, level := &Kiln{burns: make(chan struct{}), release: make(chan struct{})}, new(slog.LevelVar)
	h := hosttest.Start(t, config, kiln, service.Configure(fleet.Control(fleet.ControlConfig{
		Access: fleet.AccessFull, Version: "v1\x1b[31m", Level: level, URL: func() string { return "http://here" },
	})))
	waiting := hosttest.Caller(t, config.Broker, rpc.Config{}).Client("kiln").Go(t.Context(), "burn")
	hosttest.Receive(t, "the method", kiln.burns)
	self := h.Host().Instance()
	check := func(args string, status int, stdout, stderr string) {
		t.Helper()
		got, out, diagnostics := executeGomeko(append(strings.Fields(args), "--broker="+uri)...)
		if got != status || !strings.Contains(strings.Join(strings.Fields(out), " "), stdout) || !strings.Contains(diagnostics, stderr) || stderr == "" && diagnostics != "" {
			t.Errorf("%s: status %d\n%s%s\nwant %d, %q and %q", args, got, out, diagnostics, status, stdout, stderr)
		}
		if strings.Contains(out+diagnostics, "\x1b") {
			t.Errorf("%s: got an escape sequence in %q", args, out+diagnostics)
		}
	}
	check("services", 0, "SERVICE INSTANCE VERSION UPTIME HOST HTTP BUSY CALLS/S ERRORS P99 kiln "+self+` v1\x1b[31m`, "")
	check("services", 0, "http://here 1/100 0 0 -", "")
	check("services --json", 0, `"busy":1,"workers":100,"rate":0,"calls":0,"errors":0,"p99":0}`, "")
	check("services other --wait 50ms", 0, "", "nobody has answered for the service other")
	check("services --wait 0s", 2, "", "--wait 0s: must be positive")
	check("stats kiln", 0, "kiln burn rpc 1 0 0 0 1 0 - -", "")
	check("stats --json", 0, `"service":"kiln","instances":1,"p50":0,"p99":0,"row":"Burn"`, "")
	check("health", 0, self+" kiln process ready -", "")
	check("health --json", 0, `"services":["kiln"],"ready":true,"checks":[],"paused":[]}`, "")
	check("dump kiln", 0, self+": 1 call kiln.burn running", "")
	check("dump kiln/"+self, 0, "(*Kiln).Burn(…)", "")
	check("dump kiln --json", 0, `"state":"running"`, "")
	check("dump kiln/nobody --wait 50ms", 1, "", "nobody of the service kiln has not answered: gomeko services lists the instances")
	check("dump other --wait 50ms", 1, "", "nobody has answered for the service other")
	check("level kiln error --for 1h", 0, "INSTANCE LEVEL FOR "+self+" ERROR 1h0m0s", "")
	check("level kiln warn --json", 0, `{"instance":"`+self+`","level":"WARN","for":"5m0s"}`, "")
	check("level kiln loud", 2, "", `"loud": must be debug, info, warn or error`)
	check("level kiln debug --for 48h", 1, "", "must be a duration of at most 24h")
	if level.Level() != slog.LevelWarn {
		t.Errorf("got the level %s, want WARN", level.Level())
	}

	ch := brokertest.Channel(t, uri)
	if _, err := ch.Consume("rpc-kiln", "python", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	check("services --wait 3s", 0, "SERVICE OTHER CONSUMERS kiln 1", "1 of 2 answered")
	check("services --wait 3s --json", 0, `{"service":"kiln","busy":0,"workers":0,"rate":0,"calls":0,"errors":0,"p99":0,"others":1}`, "1 of 2 answered")
	if err := ch.Cancel("python", false); err != nil {
		t.Fatal(err)
	}

	reader := hosttest.Start(t, config, &Kiln{}, service.Configure(fleet.Control(fleet.ControlConfig{})))
	check("dump kiln", 0, self, reader.Host().Instance()+": not allowed by this process: set gomeko.control to full")
	hosttest.Close(t, reader.Stop)
	close(kiln.release)
	if err := waiting.Result(t.Context(), nil); err != nil {
		t.Error(err)
	}
	hosttest.Close(t, h.Stop)
	check("services --wait 50ms", 0, "", "nobody has answered: no services of gomeko run at this broker")
	check("health --wait 50ms", 1, "", "no instance says that it is well")
}

// TestHealthCommand runs a process that reports that it is unhealthy.
func TestHealthCommand(t *testing.T) {
	states := []healthState{{Instance: "a", Health: fleet.Health{Ready: true}}}
	if err := unwell(states); err != nil {
		t.Errorf("got %v, want no error", err)
	}
	for name, bad := range map[string]healthState{
		"not ready": {Health: fleet.Health{Reason: "starting"}},
		"no answer": {Error: "panic", Health: fleet.Health{Ready: true}},
		"paused":    {Health: fleet.Health{Ready: true, Paused: []service.Pause{{Service: "orders", Row: "Bill", Reasons: []string{"why"}}}}},
		"failing":   {Health: fleet.Health{Ready: true, Checks: []fleet.HealthCheck{{Name: "Fire", Failing: true}}}},
	} {
		if err := unwell(append(states, bad)); err == nil || err.Error() != "not well: 1 of 2 instances" {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestWatch prints the table until a signal comes.
func TestWatch(t *testing.T) {
	uri := brokertest.Embedded(t)
	hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, &Kiln{}, service.Configure(fleet.Control(fleet.ControlConfig{})))
	out := &output{on: map[string]func(){"kiln": terminate}}
	c := &command{out: out, err: new(output)}
	if status := c.execute(c.gomeko(), []string{"stats", "--watch", "--json", "--broker=" + uri}); status != 0 {
		t.Errorf("got the status %d, want 0", status)
	}
	var row map[string]any
	if err := json.Unmarshal([]byte(out.String()), &row); err != nil || row["service"] != "kiln" {
		t.Errorf("got %s, %v", out, err)
	}
}

// TestHostileAnswer answers with something that is not a document of the verb.
func TestHostileAnswer(t *testing.T) {
	uri := brokertest.Embedded(t)
	ch := brokertest.Channel(t, uri)
	if err := ch.ExchangeDeclare("gomeko.control", "topic", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"stats", "health", "dump", "level"} {
		questions := brokertest.Bind(t, ch, "gomeko.control", verb+".#")
		done := make(chan string, 1)
		go func() {
			args := map[string][]string{"stats": {"stats"}, "health": {"health"}, "dump": {"dump", "a"}, "level": {"level", "a", "info"}}[verb]
			_, out, diagnostics := executeGomeko(append(args, "--wait=3s", "--broker="+uri)...)
			done <- out + diagnostics
		}()
		q := hosttest.Next(t, questions)
		body := `{"schema": "gomeko.` + verb + `/v1", "instance": "a\u001b[31m\nforged", "answer": [1]}`
		if err := ch.Publish("", q.ReplyTo, false, false, amqp.Publishing{CorrelationId: q.CorrelationId, Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
		got := hosttest.Receive(t, "the command", done)
		if !strings.Contains(got, "cannot be read") || strings.Contains(got, "\x1b") || strings.Contains(got, "\nforged") {
			t.Errorf("%s: got %q, want that the answer cannot be read", verb, got)
		}
	}
}
