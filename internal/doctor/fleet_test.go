//go:build unix

package doctor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/internal/doctor"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer"
	"github.com/gomeko/gomeko/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Orders is a service with a queue of each kind that gomeko declares.
type Orders struct {
	_ service.Name `service:"orders"`

	Users    rpc.Client `rpc:"users"`
	Dispatch events.Dispatcher

	Entrypoints struct {
		Create rpc.Method         `rpc:"create"`
		Bill   messaging.Consumer `messaging:"bills" exchange:"shop" kind:"topic" key:"order.#" retry:"1m"`
		Hear   events.Handler     `events:"users.deleted"`
		Night  timer.Cron         `timer:"0 3 * * *"`
	}
}

func (*Orders) Create(context.Context) error    { return nil }
func (*Orders) Bill(context.Context, int) error { return nil }
func (*Orders) Hear(context.Context, int) error { return nil }
func (*Orders) Night(context.Context) error     { return nil }

// A stage is a broker with a running service, and the input of the doctor.
type stage struct {
	*testing.T
	uri     string
	api     *api
	ch      *amqp.Channel
	patient doctor.Patient
}

// newStage starts the service on a broker.
func newStage(t *testing.T, uri, address string) *stage {
	t.Helper()
	s := &stage{T: t, uri: uri, api: &api{t: t, base: address}}
	options := []any{new(Orders), service.Configure(fleet.Timers()), service.Configure(fleet.Control(fleet.ControlConfig{}))}
	h := hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, options...)
	s.ch = brokertest.Channel(t, uri)
	s.patient = doctor.Patient{
		Version: "test", API: s.api, Wait: 50 * time.Millisecond, Plans: connection.Plans(h.Host()),
		Broker: transport.Config{URI: uri, Logger: h.Log.Logger()},
	}
	return s
}

// find examines the stage, and returns the names of the checks with findings, in order.
func (s *stage) find() []string {
	s.Helper()
	report, err := doctor.Examine(s.Context(), s.patient)
	if err != nil {
		s.Fatal(err)
	}
	checks := []string{}
	for _, f := range report.Findings {
		if f.Level != doctor.Info {
			checks = append(checks, f.Check)
			s.Logf("%s: %s: %s: %s\n\t%s", f.Level, f.Check, f.Where, f.What, f.Remedy)
			if f.Where == "" || f.What == "" || f.Remedy == "" {
				s.Errorf("%s: a part of the finding is empty", f.Check)
			}
		}
	}
	slices.Sort(checks)
	return slices.Compact(checks)
}

// queue declares a durable queue.
func (s *stage) queue(name string, args amqp.Table) {
	s.Helper()
	if _, err := s.ch.QueueDeclare(name, true, false, false, false, args); err != nil {
		s.Fatal(err)
	}
}

// vhost returns the virtual host in the form that the management API has in paths.
func (s *stage) vhost() string {
	u, err := url.Parse(s.uri)
	if err != nil {
		s.Fatal(err)
	}
	vhost := strings.TrimPrefix(u.Path, "/")
	if vhost == "" {
		vhost = "/"
	}
	return url.PathEscape(vhost)
}

// An api is a management API. change, if set, modifies its answers.
type api struct {
	t      *testing.T
	base   string
	change func(path string, header http.Header, body []byte) []byte
}

func (a *api) Get(ctx context.Context, path string, into any) (http.Header, error) {
	header, body, err := a.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	body = filesTotal.ReplaceAll(body, []byte(`"fd_total":65536`))
	if a.change != nil {
		body = a.change(path, header, body)
	}
	return header, json.Unmarshal(body, into)
}

// filesTotal matches the number of files that a node may open, which depends on the test machine.
var filesTotal = regexp.MustCompile(`"fd_total":\d+`)

// put sends a JSON object with PUT.
func (a *api) put(path string, body any) {
	a.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		a.t.Fatal(err)
	}
	if _, _, err := a.send(context.Background(), http.MethodPut, path, text); err != nil {
		a.t.Fatal(err)
	}
}

func (a *api) delete(path string) {
	a.t.Helper()
	if _, _, err := a.send(context.Background(), http.MethodDelete, path, nil); err != nil {
		a.t.Error(err)
	}
}

func (a *api) send(ctx context.Context, method, path string, body []byte) (http.Header, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, a.base+"/api/"+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	r.Close = true
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("%s %s: %s: %s", method, path, response.Status, text)
	}
	return response.Header, text, err
}
