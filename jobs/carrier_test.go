package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// WaitJobs is a typed client for more jobs of Images.
type WaitJobs struct {
	_ jobs.Client `jobs:"images"`

	Wait  func(ctx context.Context, url string, o ...jobs.Option) (jobs.Ref[any], error) `jobs:"wait"`
	Alone func(ctx context.Context, url string, o ...jobs.Option) (jobs.Ref[any], error) `jobs:"alone"`
	Short func(ctx context.Context, url string, o ...jobs.Option) (jobs.Ref[any], error) `jobs:"short"`
	New   func(ctx context.Context, o ...jobs.Option) (jobs.Ref[any], error)             `jobs:"new"`
}

// eachAlone runs f with each broker and a worker that has no store.
func eachAlone(t *testing.T, f func(t *testing.T, uri string, s *script, host *hosttest.Host)) {
	t.Helper()
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		s := newScript()
		f(t, uri, s, startWorker(t, uri, jobs.Config{}, 10, &Images{Script: s}))
	})
}

// bind returns a typed client without a store.
func bind[C any](t *testing.T, uri string) C {
	t.Helper()
	c, err := jobs.Bind[C](newEnqueuer(t, uri, jobs.Config{}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// holds waits until a queue exists and has n messages.
func holds(t *testing.T, uri, queue string, n int) {
	t.Helper()
	conn := hosttest.Dial(t, transport.Config{URI: uri})
	hosttest.Eventually(t, fmt.Sprintf("%s holds %d", queue, n), func() bool {
		messages, _, err := conn.Inspect(context.Background(), queue)
		return err == nil && messages == n
	})
}

// TestJobWithoutStore runs jobs that exist only as messages.
func TestJobWithoutStore(t *testing.T) {
	eachAlone(t, func(t *testing.T, uri string, s *script, _ *hosttest.Host) {
		hooks := 0
		s.hook = func(jobs.Outcome) error {
			if hooks++; hooks == 1 {
				return errors.New("not yet")
			}
			return nil
		}
		ref, err := bind[ImageJobs](t, uri).Resize(t.Context(), "a.png")
		if err != nil {
			t.Fatal(err)
		}
		if img, err := ref.Wait(t.Context()); err != nil || img.Width != 200 {
			t.Errorf("got %v, %v", img, err)
		}
		for range 2 { // the hook has failed once
			if o := hosttest.Next(t, s.done); o.ID != ref.ID() || o.State != store.Succeeded || string(o.Result()) != `{"width":200}` {
				t.Errorf("the hook got %+v", o)
			}
		}
		publish(t, uri, "images.resize", "", `{"id": "x", "name": "resize", "args":["b.png"],"kwargs":{}}`)
		if o := hosttest.Next(t, s.done); o.ID != "x" {
			t.Errorf("the hook got %+v", o)
		}
		holds(t, uri, "gomeko.jobs.images", 0)
	})
}

// TestRetriesWithoutStore runs methods that fail in all ways.
func TestRetriesWithoutStore(t *testing.T) {
	eachAlone(t, func(t *testing.T, uri string, s *script, _ *hosttest.Host) {
		client := bind[WaitJobs](t, uri)
		failed := errors.New("failed")
		var began time.Time
		s.wait = func(ctx context.Context, url string) error {
			attempt := service.FromContext(ctx).Attempt
			switch {
			case url == "twice" && attempt < 3:
				return failed
			case url == "always":
				return failed
			case url == "expected":
				return rpcerror.New("images.Broken", "no image")
			case url == "park":
				return service.Park(failed)
			case url == "drop":
				return service.Drop(failed)
			case url == "later" && attempt == 1:
				began = time.Now()
				return service.RetryAfter(1200*time.Millisecond, failed)
			case url == "slow":
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		parked := 0
		for _, test := range []struct {
			url     string
			enqueue func(ctx context.Context, url string, o ...jobs.Option) (jobs.Ref[any], error)
			calls   int
			want    string // the error
			parked  bool
		}{
			{"twice", client.Wait, 3, "", false},
			{"always", client.Wait, 3, "failed after 3 attempts: ", true},
			{"always", client.Alone, 1, "failed: ", true},
			{"expected", client.Wait, 1, "failed: Broken: no image", true},
			{"park", client.Wait, 1, "failed: ", true},
			{"drop", client.Wait, 1, "cancelled: ", false},
			{"later", client.Alone, 2, "", false},
			{"slow", client.Short, 1, "failed: ", true},
		} {
			ref, err := test.enqueue(t.Context(), test.url)
			if err != nil {
				t.Fatal(err)
			}
			_, err = ref.Wait(t.Context())
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), " "+test.want) {
				t.Errorf("%s: got %v, want %s", test.url, err, test.want)
			}
			for range test.calls {
				if url := hosttest.Next(t, s.calls); url != test.url {
					t.Errorf("%s: called with %s", test.url, url)
				}
			}
			if test.parked {
				parked++
				holds(t, uri, "gomeko.dead.gomeko.jobs.images", parked)
			}
		}
		if took := time.Since(began); took < 1200*time.Millisecond {
			t.Errorf("RetryAfter(1.2s) took %s", took)
		}
		if len(s.calls) > 0 {
			t.Errorf("there was a further call with %s", <-s.calls)
		}
		holds(t, uri, "gomeko.jobs.images", 0)
		holds(t, uri, "gomeko.retry.gomeko.jobs.images", 0)
	})
}

// TestDelaysWithoutStore enqueues delayed jobs.
func TestDelaysWithoutStore(t *testing.T) {
	eachAlone(t, func(t *testing.T, uri string, s *script, _ *hosttest.Host) {
		client := bind[ImageJobs](t, uri)
		began := time.Now()
		ref, err := client.Resize(t.Context(), "a.png", jobs.In(1300*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Resize(t.Context(), "b.png", jobs.In(40*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if _, err = ref.Wait(t.Context()); err != nil || time.Since(began) < 1300*time.Millisecond {
			t.Errorf("it has ended with %v after %s", err, time.Since(began))
		}
		if o := hosttest.Next(t, s.done); o.Attempts != 1 {
			t.Errorf("the hook got %+v", o)
		}
		holds(t, uri, "gomeko.delay.gomeko.jobs.images.43200000", 1)
		holds(t, uri, "gomeko.jobs.images", 0)
	})
}

// TestUnknownWithoutStore enqueues jobs whose name no row has.
func TestUnknownWithoutStore(t *testing.T) {
	eachAlone(t, func(t *testing.T, uri string, _ *script, host *hosttest.Host) {
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		bound := transport.Topology{Bindings: []transport.Binding{{Queue: "gomeko.jobs.images", Exchange: "gomeko.jobs", Key: "images.new"}}}
		if err := conn.Declare(t.Context(), bound); err != nil {
			t.Fatal(err)
		}
		ref, err := bind[WaitJobs](t, uri).New(t.Context(), jobs.ID("new"))
		if err != nil {
			t.Fatal(err)
		}
		holds(t, uri, "gomeko.delay.gomeko.jobs.images.30000", 1)
		host.Log.Wait(t, 1, "job waits: no row of this process has its name", "job=new")

		ch := brokertest.Channel(t, uri)
		m, ok, err := ch.Get("gomeko.delay.gomeko.jobs.images.30000", true)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		m.Headers["gomeko.unknown_since"] = time.Now().Add(-10 * time.Minute).UTC().Format(time.RFC3339)
		err = ch.PublishWithContext(t.Context(), "", "gomeko.retry.gomeko.jobs.images", true, false, amqp.Publishing{
			Headers: m.Headers, Body: m.Body, ContentType: m.ContentType, MessageId: m.MessageId, ReplyTo: m.ReplyTo, CorrelationId: m.CorrelationId,
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ref.Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "MethodNotFound: new") {
			t.Errorf("got %v", err)
		}
		holds(t, uri, "gomeko.dead.gomeko.jobs.images", 1)
	})
}

// TestSuspectWithoutStore runs a job with which three workers have died.
func TestSuspectWithoutStore(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		s := newScript()
		client := bind[ImageJobs](t, uri)
		ch := brokertest.Channel(t, uri)
		const suspects = "gomeko.suspect.gomeko.jobs.images"
		if _, err := ch.QueueDeclare(suspects, true, false, false, false, amqp.Table{"x-queue-type": "quorum"}); err != nil {
			t.Fatal(err)
		}
		p := newPeer(t, uri, "gomeko.jobs.images", "images.resize")
		ref, err := client.Resize(t.Context(), "a.png")
		if err != nil {
			t.Fatal(err)
		}
		d := hosttest.Next(t, p.jobs)
		err = ch.PublishWithContext(t.Context(), "", suspects, true, false, amqp.Publishing{
			Headers: amqp.Table{"gomeko.retry": amqp.Table{"exchange": d.Exchange, "key": d.Key, "attempt": int64(1)}},
			Body:    d.Body, ContentType: d.ContentType, MessageId: d.MessageID, ReplyTo: d.ReplyTo, CorrelationId: d.CorrelationID,
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			var m amqp.Delivery
			hosttest.Eventually(t, "it is among the suspects", func() (ok bool) {
				m, ok, err = ch.Get(suspects, false)
				return ok || err != nil
			})
			if err := errors.Join(err, m.Nack(false, true)); err != nil {
				t.Fatal(err)
			}
		}
		hosttest.Close(t, p.conn.Close)
		startWorker(t, uri, jobs.Config{}, 10, &Images{Script: s})
		if _, err := ref.Wait(t.Context()); !errors.Is(err, jobs.ErrSuspect) {
			t.Errorf("got %v", err)
		}
		if o := hosttest.Next(t, s.done); o.State != store.Failed || !errors.Is(o.Err, jobs.ErrSuspect) {
			t.Errorf("the hook got %+v", o)
		}
		holds(t, uri, "gomeko.dead.gomeko.jobs.images", 1)
		if len(s.calls) > 0 {
			t.Error("it ran")
		}
	})
}

// TestKilledWithoutStore reruns a job whose process was killed, in its method or in its hook.
func TestKilledWithoutStore(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		ref, err := bind[WaitJobs](t, uri).Wait(t.Context(), "a.png")
		if err != nil {
			t.Fatal(err)
		}
		resized, err := bind[ImageJobs](t, uri).Resize(t.Context(), "b.png")
		if err != nil {
			t.Fatal(err)
		}
		dying := newScript()
		dying.wait = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
		dead := make(chan struct{})
		dying.hook = func(jobs.Outcome) error { <-dead; return nil }
		h := startWorker(t, uri, jobs.Config{}, 10, &Images{Script: dying})
		for range 2 {
			hosttest.Next(t, dying.calls)
		}
		hosttest.Next(t, dying.done)
		if img, err := resized.Wait(t.Context()); err != nil || img.Width != 200 {
			t.Errorf("got %v, %v before the hook has ended", img, err)
		}
		h.Kill()
		close(dead)

		s := newScript()
		attempts := make(chan int, 10)
		s.wait = func(ctx context.Context, _ string) error { attempts <- service.FromContext(ctx).Attempt; return nil }
		startWorker(t, uri, jobs.Config{}, 10, &Images{Script: s})
		if _, err := ref.Wait(t.Context()); err != nil {
			t.Errorf("got %v", err)
		}
		if n := hosttest.Next(t, attempts); n != 1 {
			t.Errorf("it ran as attempt %d", n)
		}
		if o := hosttest.Next(t, s.done); o.ID != resized.ID() {
			t.Errorf("the hook got %+v", o)
		}
		holds(t, uri, "gomeko.jobs.images", 0)
		holds(t, uri, "gomeko.suspect.gomeko.jobs.images", 0)
	})
}

// TestCutWithoutStore cuts the connections of a worker while it runs a job.
func TestCutWithoutStore(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		var tap brokertest.Tap
		s, free := newScript(), make(chan struct{})
		s.wait = func(context.Context, string) error { <-free; return nil }
		hosttest.Start(t, hosttest.Config{Service: service.Config{MaxWorkers: 10}, Broker: transport.Config{URI: uri, Dial: tap.Dial}}, &Images{Script: s})
		ref, err := bind[WaitJobs](t, uri).Wait(t.Context(), "a.png")
		if err != nil {
			t.Fatal(err)
		}
		hosttest.Next(t, s.calls)
		tap.Cut()
		close(free)
		if _, err := ref.Wait(t.Context()); err != nil {
			t.Errorf("got %v", err)
		}
		holds(t, uri, "gomeko.jobs.images", 0)
		if len(s.calls) > 0 {
			t.Error("it ran twice")
		}
	})
}

// Films is a service that needs a store.
type Films struct {
	_ service.Name `service:"films"`

	Entrypoints struct {
		Cut   jobs.Job `jobs:"cut()" timeout:"26m"`
		Scale jobs.Job `jobs:"scale(size)" unique:"size" resource:"size:{size}"`
	}
}

func (*Films) Scale(context.Context, int) error { return nil }

func (*Films) Cut(context.Context) error { return nil }

// TestMistakesWithoutStore starts services that need a store.
func TestMistakesWithoutStore(t *testing.T) {
	t.Parallel()
	_, err := hosttest.New(t, hosttest.Config{Broker: transport.Config{URI: brokertest.Embedded(t)}}, &Films{}, service.Configure(jobs.Config{}))
	for _, want := range []string{
		"service films: Cut: timeout: more than 25m0s needs a store: set gomeko.jobs.store",
		"service films: Scale: unique needs a store: set gomeko.jobs.store",
		"service films: Scale: resource: one with {parameters} needs a store: set gomeko.jobs.store",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
