package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/internal/parked"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Billing fails for numbers below 100 until it is fixed.
type Billing struct {
	_ service.Name `service:"billing"`

	Entrypoints struct {
		Bill messaging.Consumer `messaging:"bills" retry:"10ms"`
	}

	mended *atomic.Bool
	billed chan int
}

type bill struct {
	Number int    `json:"number"`
	Token  string `json:"token"`
}

func (b *Billing) Bill(_ context.Context, m bill) error {
	if m.Number < 100 && !b.mended.Load() {
		return fmt.Errorf("order %d: no table", m.Number)
	}
	b.billed <- m.Number
	return nil
}

// A deadStage is a service whose messages are parked, and the command line.
type deadStage struct {
	t    *testing.T
	uri  string
	conn *transport.Conn
}

// run runs gomeko with arguments separated by spaces, and checks the exit status.
func (s deadStage) run(status int, args string) (stdout, stderr string) {
	s.t.Helper()
	return s.runWith(os.Stdin, status, args)
}

func (s deadStage) runWith(in *os.File, status int, args string) (stdout, stderr string) {
	s.t.Helper()
	var out, diagnostics strings.Builder
	c := &command{in: in, out: &out, err: &diagnostics}
	words := strings.Fields(args)
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], "_", " ")
	}
	if got := c.execute(c.gomeko(), append(words, "--broker="+s.uri)); got != status {
		s.t.Errorf("gomeko %s: status %d, want %d:\n%s%s", args, got, status, out.String(), diagnostics.String())
	}
	return out.String(), diagnostics.String()
}

// matches checks what a command prints on stdout.
func (s deadStage) matches(args, pattern string) {
	s.t.Helper()
	if got, diagnostics := s.run(0, args); !regexp.MustCompile(pattern).MatchString(got) {
		s.t.Errorf("gomeko %s: got\n%s%s\nwant %s", args, got, diagnostics, pattern)
	}
}

// publish publishes a bill for each number.
func (s deadStage) publish(numbers ...int) {
	s.t.Helper()
	for _, n := range numbers {
		p := transport.Publishing{Key: "bills", Mandatory: true, Body: fmt.Appendf(nil, `{"number":%d,"token":"planted"}`, n)}
		p.ContentType, p.ContentEncoding = "application/json", "utf-8"
		if err := s.conn.Publish(s.t.Context(), p); err != nil {
			s.t.Fatal(err)
		}
	}
}

// parked waits until the number of parked messages is want.
func (s deadStage) parked(want int) {
	s.t.Helper()
	hosttest.Eventually(s.t, fmt.Sprintf("%d messages are parked", want), func() bool {
		n, _, err := s.conn.Inspect(s.t.Context(), "gomeko.dead.bills")
		return err == nil && n == want
	})
}

func receive(t *testing.T, from <-chan int, n int) []int {
	t.Helper()
	var all []int
	for range n {
		all = append(all, hosttest.Next(t, from))
	}
	slices.Sort(all)
	return all
}

// TestDead follows a failed message up to its replay.
func TestDead(t *testing.T) {
	brokertest.Managed(t, func(t *testing.T, uri, api string) {
		b := &Billing{mended: new(atomic.Bool), billed: make(chan int, 100)}
		hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, b, service.Configure(fleet.Control(fleet.ControlConfig{})))
		conn, err := transport.Dial(t.Context(), transport.Config{URI: uri})
		if err != nil {
			t.Fatal(err)
		}
		defer hosttest.Close(t, conn.Close)
		s := deadStage{t, uri, conn}
		s.run(0, "dead --json") // nothing is parked yet
		s.publish(1, 2, 3)
		s.parked(3)

		s.matches("dead", `^QUEUE +ERROR +COUNT +FIRST +LAST\nbills +\S+: order #: no table +3 +\S+ \S+ UTC +\S+ \S+ UTC\n$`)
		s.matches("dead --json", `^\{"queue":"bills","error":"\S+: order #: no table","count":3,"first":"[^"]+","last":"[^"]+"\}\n$`)
		s.matches("dead ls bills", `^ID +LAST +ATTEMPTS +REASON +ERROR\n([0-9a-f]{8} +\S+ \S+ UTC +2 +exhausted +\S+: order \d: no table\n){3}$`)
		s.matches("dead ls bills --error ORDER_2 --since 1h --json", `^\{"id":"[^"]+","queue":"bills","service":"billing","row":"Bill","reason":"exhausted",.*\}\n$`)
		s.matches("dead show bills --error order_2:", `(?s)failed in  queue bills, service billing, row Bill\n.*published  to exchange "" with key "bills"\nerror      \S+: order 2: no table\n.*\n  "number": 2,\n  "token": "\*\*"\n`)
		s.matches("dead show bills --json", `"body":\{"number":1,"token":"\*\*"\}`)

		desk, err := parked.Open(t.Context(), conn, "bills")
		if err != nil {
			t.Fatal(err)
		}
		if _, diagnostics := s.run(1, "dead"); strings.Count(diagnostics, "queue bills: another command works on") != 1 {
			t.Errorf("got %q, want once that another command works on it", diagnostics)
		}
		if err := desk.Close(t.Context()); err != nil {
			t.Fatal(err)
		}

		// Edit one and replay it.
		editor := filepath.Join(t.TempDir(), "editor")
		if err := os.WriteFile(editor, []byte("#!/bin/sh\nexec sed -i 's/\"number\": 2/\"number\": 200/' \"$1\"\n"), 0o755); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
		t.Setenv("VISUAL", editor)
		s.matches("dead retry bills --error order_2: --edit", `^replayed 1\n$`)
		if got := receive(t, b.billed, 1); got[0] != 200 {
			t.Errorf("got %v, want the edited number", got)
		}
		for script, want := range map[string]string{": >\"$1\"": "1 stay parked", "echo no >\"$1\"": "not JSON", "exit 3": "exit status 3"} {
			if err := os.WriteFile(editor, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil { //nolint:gosec // a program
				t.Fatal(err)
			}
			status := map[bool]int{true: 1}[want != "1 stay parked"]
			if _, diagnostics := s.run(status, "dead retry bills --error order_1: --edit"); !strings.Contains(diagnostics, want) {
				t.Errorf("%s: got %s, want %s", script, diagnostics, want)
			}
		}
		s.parked(2)

		// Export, drop, import and replay.
		exported, _ := s.run(0, "dead export bills")
		s.matches("dead drop bills --all", `^dropped 2\n$`)
		s.parked(0)
		s.matches("dead ls bills", `^$`)
		file := filepath.Join(t.TempDir(), "bills.ndjson")
		if err := os.WriteFile(file, []byte(exported), 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		if got, _ := s.runWith(in, 0, "dead import"); got != "imported 2\n" {
			t.Errorf("got %q", got)
		}
		s.parked(2)
		b.mended.Store(true)
		s.matches("dead retry bills --all --rate 1000/s", `^replayed 2\n$`)
		if got := receive(t, b.billed, 2); !slices.Equal(got, []int{1, 3}) {
			t.Errorf("got %v, want 1 and 3", got)
		}
		s.parked(0)
		s.matches("dead --management="+api, `^$`)
		s.run(0, "dead retry bills --all")
	})
}

// TestDeadRate replays with a rate limit, and checks that it is not exceeded.
func TestDeadRate(t *testing.T) {
	uri := brokertest.Embedded(t)
	conn, err := transport.Dial(t.Context(), transport.Config{URI: uri})
	if err != nil {
		t.Fatal(err)
	}
	defer hosttest.Close(t, conn.Close)
	parkSome(t, conn, "bills", 6)
	began := time.Now()
	s := deadStage{t, uri, conn}
	if _, diagnostics := s.run(0, "dead retry bills --all --rate 20/s"); !strings.Contains(diagnostics, "warning: nobody consumes the retry queue of bills now") {
		t.Errorf("got %q, want a warning", diagnostics)
	}
	if took := time.Since(began); took < 250*time.Millisecond {
		t.Errorf("6 messages took %s at 20/s", took)
	}
}

// parkSome parks messages of a service that is not running.
func parkSome(t *testing.T, conn *transport.Conn, queue string, n int) {
	t.Helper()
	var queues deadletter.Queues
	err := conn.Declare(t.Context(), transport.Topology{Queues: []transport.Queue{queues.Dead(queue)}})
	for range n {
		err = errors.Join(err, conn.Publish(t.Context(), queues.Publishing(&transport.Delivery{}, deadletter.Original{Queue: queue, Error: "x\x1b[31m\u202e"})))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestDeadMistakes tries invalid commands, and commands that find nothing.
func TestDeadMistakes(t *testing.T) {
	uri := brokertest.Embedded(t)
	conn, err := transport.Dial(t.Context(), transport.Config{URI: uri})
	if err != nil {
		t.Fatal(err)
	}
	defer hosttest.Close(t, conn.Close)
	parkSome(t, conn, "bills", 2)
	s := deadStage{t, uri, conn}
	for args, want := range map[string]string{
		"dead ls":                                "2 ls: name the queue",
		"dead export bills orders":               "2 export: name the queue",
		"dead retry bills":                       "2 which messages?",
		"dead drop bills --all abc":              "2 which messages?",
		"dead drop bills --all --since x":        `2 --since "x"`,
		"dead retry bills --all --rate 50":       `2 --rate "50": must be`,
		"dead retry bills --all --rate -1/s":     `2 --rate "-1/s": must be`,
		"dead ls none":                           "1 queue none: does not exist, and nothing is parked for it",
		"dead ls gomeko.dead.bills":              "2 gomeko.dead.bills is a dead queue: name the queue that its messages failed in",
		"dead drop bills abc":                    "1 queue bills: id abc: no parked message",
		"dead --wait 100ms":                      "1 no running service has answered: name the broker's management API",
		"topology":                               "2 topology: needs the broker's management API",
		"topology prune":                         "2 topology: needs the broker's management API",
		"dead ls bills --error nothing_of_these": "0 no parked message of queue bills matches",
	} {
		_, diagnostics := s.run(int(want[0]-'0'), args)
		if !strings.Contains(diagnostics, want[2:]) {
			t.Errorf("gomeko %s: got %q, want %q", args, diagnostics, want[2:])
		}
	}
	for _, args := range []string{"dead ls bills", "dead show bills", "dead show bills --json", "dead export bills"} {
		if got, diagnostics := s.run(0, args); strings.ContainsAny(got+diagnostics, "\x1b\u202e") {
			t.Errorf("gomeko %s: got %q, which a terminal would obey", args, got)
		}
	}
}
