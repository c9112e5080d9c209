package runner

import (
	"context"
	"errors"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/examples/orders/users"
	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/internal/golden"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Depot has rows and fields of most kinds.
type Depot struct {
	_ service.Name `service:"depot"`

	Entrypoints struct {
		Begin rpc.Method     `rpc:"begin" retry:"1ms"`
		Count rpc.Method     `rpc:"count"`
		Moved events.Handler `events:"depot.moved" retry:"1ms"`
		Pack  jobs.Job       `jobs:"pack"`
	}

	Self     rpc.Client  `rpc:"depot"`
	Jobs     jobs.Client `jobs:"depot"`
	Dispatch events.Dispatcher

	done chan string
}

// Begin calls the service itself, and starts a job.
func (d *Depot) Begin(ctx context.Context) error {
	for _, err := range rpc.Stream[int](ctx, d.Self, "count") {
		if err != nil {
			return err
		}
	}
	_, err := d.Jobs.Enqueue(ctx, "pack")
	return err
}

// Count sends a stream.
func (*Depot) Count(context.Context) (iter.Seq2[int, error], error) {
	return func(yield func(int, error) bool) { _ = yield(1, nil) && yield(2, nil) }, nil
}

// Pack dispatches an event.
func (d *Depot) Pack(ctx context.Context) error {
	d.done <- "pack"
	return d.Dispatch(ctx, "moved", "box")
}

// Moved fails twice: the event is retried once, and then parked.
func (d *Depot) Moved(context.Context, string) error {
	d.done <- "moved"
	return errors.New("no room")
}

// startDepot starts a Depot, with its jobs in the broker or in a store.
func startDepot(t *testing.T, uri string, stored bool) (*Depot, *hosttest.Host) {
	t.Helper()
	d := &Depot{done: make(chan string, 10)}
	values := []any{d, service.Configure(fleet.Control(fleet.ControlConfig{}))}
	if stored {
		db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "jobs.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		if _, _, err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		values = append(values, service.Configure(jobs.Config{Store: db}))
	}
	return d, hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, values...)
}

// TestPermissionsSuffice runs services on RabbitMQ as a user with only the printed permissions. It
// makes calls, streams, events that are retried and parked, and jobs.
func TestPermissionsSuffice(t *testing.T) {
	for name, stored := range map[string]bool{"with a store": true, "without a store": false} {
		t.Run(name, func(t *testing.T) {
			_, planned := startDepot(t, brokertest.Embedded(t), stored)
			p := permissionsOf(connection.Plans(planned.Host()))
			uri := brokertest.RabbitMQ(t)
			user := brokertest.NewUser(t, uri)
			user.Grant(p.Configure, p.Write, p.Read)
			d, h := startDepot(t, user.URI("secret"), stored)
			if err := hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{}).Client("depot").Call(t.Context(), "begin", nil); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"pack", "moved", "moved"} {
				if got := hosttest.Receive(t, want, d.done); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
			admin := hosttest.Dial(t, transport.Config{URI: uri})
			hosttest.Eventually(t, "the event is parked", func() bool {
				n, _, err := admin.Inspect(t.Context(), "gomeko.dead.evt-depot-moved--depot.moved")
				return err == nil && n == 1
			})
			hosttest.Close(t, h.Stop)
			if log := h.Log.String(); strings.Contains(log, "ACCESS_REFUSED") || strings.Contains(log, "refuses") {
				t.Errorf("the broker has refused something:\n%s", log)
			}
		})
	}
}

// TestPermissionsAreNeeded removes each name from each permission. Each time, RabbitMQ refuses
// something that the services ask for.
func TestPermissionsAreNeeded(t *testing.T) {
	_, planned := startDepot(t, brokertest.Embedded(t), true)
	plans := connection.Plans(planned.Host())
	p := permissionsOf(plans)
	uri := brokertest.RabbitMQ(t)
	user := brokertest.NewUser(t, uri)
	var use transport.Use
	for _, plan := range plans {
		use.Topology = connection.Merge(connection.Merge(use.Topology, plan.Topology), plan.Later.Topology)
		use.Consumes = slices.Concat(use.Consumes, plan.Consumes, plan.Later.Consumes)
		use.Writes = slices.Concat(use.Writes, plan.Writes, plan.Later.Writes)
	}
	refused := func(configure, write, read string) bool {
		t.Helper()
		user.Grant(configure, write, read)
		conn := hosttest.Dial(t, transport.Config{URI: user.URI("secret")})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		refusals, err := conn.Rehearse(ctx, use)
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(refusals, func(err error) bool {
			var refusal *transport.Error
			return errors.As(err, &refusal) && refusal.Code == 403
		})
	}
	if refused(p.Configure, p.Write, p.Read) {
		t.Error("something is refused with all permissions")
	}
	for i, pattern := range []string{p.Configure, p.Write, p.Read} {
		all := strings.Split(strings.TrimSuffix(strings.TrimPrefix(pattern, "^("), ")$"), "|")
		for j, name := range all {
			given := []string{p.Configure, p.Write, p.Read}
			given[i] = "^(" + strings.Join(slices.Delete(slices.Clone(all), j, j+1), "|") + ")$"
			if !refused(given[0], given[1], given[2]) {
				t.Errorf("%s: nothing is refused without it", name)
			}
		}
	}
}

// TestPermissionsCommand prints the permissions of an example, for docs/security.md.
func TestPermissionsCommand(t *testing.T) {
	print := func(args ...string) string {
		t.Helper()
		var out, diagnostics strings.Builder
		c := &command{in: nil, out: &out, err: &diagnostics}
		opts := []fx.Option{users.Module}
		if got := c.execute(c.program(opts), append([]string{"topology", "permissions", "--broker=amqp://rabbitmq/shop"}, args...)); got != 0 {
			t.Fatalf("status %d: %s", got, diagnostics.String())
		}
		return out.String()
	}
	golden.File(t, "testdata/permissions.txt", []byte(print()))
	if got := print("--json", "--user=x y"); !strings.HasPrefix(got, `{"user":"x y","vhost":"shop","configure":"^(`) {
		t.Errorf("got %s", got)
	}
	if got := quoted("it's"); got != `'it'\''s'` {
		t.Errorf("got %s", got)
	}
}
