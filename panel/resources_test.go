package panel_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/panel"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Depot has jobs that share a resource.
type Depot struct {
	_ service.Name `service:"depot" allow:"depot"`

	Entrypoints struct {
		Count  jobs.Job   `jobs:"count()" resource:"products" allow:"count"`
		Prices jobs.Job   `jobs:"prices(factor=1)" resource:"products" allow:"prices"`
		Stock  rpc.Method `rpc:"stock()" allow:"count"`
	}

	begun, release chan struct{}
}

func (d *Depot) work(ctx context.Context) error {
	d.begun <- struct{}{}
	select {
	case <-d.release:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *Depot) Count(ctx context.Context) error             { return d.work(ctx) }
func (d *Depot) Prices(ctx context.Context, _ float64) error { return d.work(ctx) }

func (*Depot) Stock(context.Context) (int, error) { return 7, nil }

// newDepot starts a worker of the depot, and a panel with users. It also returns the worker.
func newDepot(t *testing.T, uri string, jobsStore *store.Store) (*stage, *Depot, *hosttest.Host) {
	t.Helper()
	d := &Depot{begun: make(chan struct{}, 10), release: make(chan struct{})}
	host := startDepot(t, uri, jobsStore, d)
	s := newStage(t, panel.Config{Broker: hosttest.Dial(t, transport.Config{URI: uri}), Jobs: jobsStore}, nil, "")
	s.user("ann", "depot", "depot/count", "depot/prices")
	s.user("bob", "depot", "depot/prices", "operations", "operations/resources")
	s.user("root")
	s.panel.Refresh(t.Context())
	return s, d, host
}

func startDepot(t *testing.T, uri string, jobsStore *store.Store, d *Depot) *hosttest.Host {
	t.Helper()
	return hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, d,
		service.Configure(fleet.Control(fleet.ControlConfig{})), service.Configure(jobs.Config{Store: jobsStore}))
}

// TestResources lets users share a resource. The page shows which job holds it and which wait, and
// the page of a run shows its place, with links to what the viewer may see.
func TestResources(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{"sqlite", "postgres"} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			s, d, _ := newDepot(t, brokertest.Embedded(t), newStore(t, dialect))
			ann, bob, root := s.as("ann"), s.as("bob"), s.as("root")
			const path = "/operations/resources"
			root.get(path).want(http.StatusOK, "No resource is in use")
			ann.get(path).want(http.StatusForbidden, "It needs the group operations")
			first := ann.post("/services/depot/Count", "").started()
			hosttest.Next(t, d.begun)
			second := bob.post("/services/depot/Prices", "/factor=2").started()
			third := ann.post("/services/depot/Count", "").started()
			p := root.until(path, "Prices depot Waiting").want(http.StatusOK, "products Place Job State Since Started by Worker – Count depot Runs just now ann")
			p.want(http.StatusOK, "1 Prices depot Waiting just now bob 2 Count depot Waiting just now ann").has(`href="` + first + `"`).has(`href="` + third + `"`)
			mine := bob.get(path).want(http.StatusOK, "Count depot Runs just now ann").has(`href="` + second + `"`)
			mine.lacks(first)
			mine.lacks("/operations/jobs/job")
			root.get(path+"?name=products").want(http.StatusOK, "2 Count depot")
			root.get(path+"?q=nonsense").want(http.StatusOK, "Nothing is called “nonsense”")
			root.get(path+"?name=product").want(http.StatusOK, "“product” is not in use")

			ann.get(first).want(http.StatusOK, "Running").lacks("It waits for the resource")
			bob.get(second).want(http.StatusOK, "It waits for the resource products: 1 job is before it. Now Count of depot runs.").lacks(first)
			ann.get(third).want(http.StatusOK, "It waits for the resource products: 2 jobs are before it. Now Count of depot runs, started by ann.").has(`href="` + first + `"`)
			for _, run := range []string{first, second, third} {
				d.release <- struct{}{}
				root.until(run, "Succeeded It took ")
			}
			root.until(path, "No resource is in use")
		})
	}
}

// TestManyResources shows many resources whose names try to inject scripts into the page, and long
// lines of jobs without runs.
func TestManyResources(t *testing.T) {
	t.Parallel()
	jobsStore := newStore(t, "sqlite")
	s := newStage(t, panel.Config{Jobs: jobsStore}, nil, "")
	s.user("root")
	s.user("viewer", "operations", "operations/resources")
	root := s.as("root")
	add := func(n int, resource, name string) (all []store.New) {
		for i := range n {
			all = append(all, store.New{ID: fmt.Sprint(name, i), Service: name, Name: name, Queue: "q", Terms: store.Terms{Resource: resource}})
		}
		return all
	}
	insert(t, jobsStore, add(75, "long", "one")...)
	if _, err := jobsStore.Claim(t.Context(), store.Claim{Owner: "worker", Host: payloads[0], Queue: "q", Limit: 1, Lease: time.Minute, Resources: true}); err != nil {
		t.Fatal(err)
	}
	for _, x := range payloads {
		x = strings.ReplaceAll(x, "\x00", "")
		insert(t, jobsStore, add(2, x+"amqp://shop:hunter2@rabbit/", x)...)
	}
	const path = "/operations/resources"
	p := root.get(path).harmless().atMost(200_000).want(http.StatusOK, "onerror").want(http.StatusOK, "65 more wait. Show more of long")
	p.want(http.StatusOK, "– one one Runs just now a service <script>").has(`href="/operations/jobs/job?id=one0"`).lacks("hunter2")
	root.get(path+"?name=long").want(http.StatusOK, "49 one one").want(http.StatusOK, "25 more wait.").lacks("Show more")
	s.as("viewer").get(path).harmless().lacks("/operations/jobs/job")
	for _, x := range payloads {
		root.get(path+"?q="+urlEscape(x)+"&name="+urlEscape(x)+"&after="+urlEscape(x)).harmless().want(http.StatusOK, "")
	}
	for i := range 200 {
		insert(t, jobsStore, add(1, fmt.Sprintf("many-%03d", i), fmt.Sprint("many", i, "-"))...)
	}
	p = root.get(path).atMost(500_000).want(http.StatusOK, "Only the first 200 resources are shown.")
	root.get(p.next()).atMost(500_000).want(http.StatusOK, "many-1").lacks("Show more")
	jobsStore.Close()
	root.get(path).want(http.StatusServiceUnavailable, "The store of jobs is away")
	other := newStage(t, panel.Config{}, nil, "")
	other.user("root")
	other.as("root").get(path).want(http.StatusServiceUnavailable, "No store of jobs")
}
