package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Image is the result of a job.
type Image struct {
	Width int `json:"width"`
}

// Edges are arguments of a job, by name.
type Edges struct {
	Left  int `json:"left"`
	Right int `json:"right,omitempty"`
}

// ImageJobs is a typed client.
type ImageJobs struct {
	_ jobs.Client `jobs:"images"`

	Resize func(ctx context.Context, url string, o ...jobs.Option) (jobs.Ref[Image], error)            `jobs:"resize"`
	Listed func(ctx context.Context, url string, width int, o ...jobs.Option) (jobs.Ref[Image], error) `jobs:"listed(url, *, width=200)"`
	Crop   func(ctx context.Context, edges Edges) (jobs.Ref[Image], error)                             `jobs:"crop"`
	Forget func(ctx context.Context, urls ...string) error                                             `jobs:"forget"`
	All    func(ctx context.Context, urls []string, more map[string]int, o ...jobs.Option) error       `jobs:"all(*urls, **more)"`
}

// A peer is a foreign worker, on a raw connection.
type peer struct {
	t    *testing.T
	conn *transport.Conn
	jobs chan *transport.Delivery
}

// newPeer consumes the queue of a service, as its worker does.
func newPeer(t *testing.T, uri, queue, key string) *peer {
	t.Helper()
	p := &peer{t, hosttest.Dial(t, transport.Config{URI: uri}), make(chan *transport.Delivery, 100)}
	err := p.conn.Declare(t.Context(), transport.Topology{
		Exchanges: []transport.Exchange{{Name: "gomeko.jobs", Kind: "topic", Durable: true, Args: transport.Table{"alternate-exchange": "gomeko.jobs.unrouted"}}},
		Queues:    []transport.Queue{{Name: queue, Durable: true, Args: transport.Table{"x-queue-type": "quorum"}}},
		Bindings:  []transport.Binding{{Queue: queue, Exchange: "gomeko.jobs", Key: key}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.conn.Consume(t.Context(), transport.Consume{Queue: queue, Handle: func(d *transport.Delivery) { d.Ack(); p.jobs <- d }}); err != nil {
		t.Fatal(err)
	}
	return p
}

// answer sends the outcome of a job, as docs/wire/jobs.md says.
func (p *peer) answer(d *transport.Delivery, body string) {
	p.t.Helper()
	err := p.conn.Publish(p.t.Context(), transport.Publishing{
		Key: d.ReplyTo, Mandatory: true, Body: []byte(body),
		Properties: transport.Properties{ContentType: "application/json", CorrelationID: d.CorrelationID},
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// newEnqueuer returns the Enqueuer of a program.
func newEnqueuer(t *testing.T, uri string, cfg jobs.Config) *jobs.Enqueuer {
	t.Helper()
	e, err := jobs.NewEnqueuer(t.Context(), hosttest.Dial(t, transport.Config{URI: uri}), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hosttest.Close(t, e.Close) })
	return e
}

// TestMessages compares the messages of a typed client with those that other languages read and
// write.
func TestMessages(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		p := newPeer(t, uri, "gomeko.jobs.images", "images.*")
		client, err := jobs.Bind[ImageJobs](newEnqueuer(t, uri, jobs.Config{}))
		if err != nil {
			t.Fatal(err)
		}
		ctx := service.Language.With(t.Context(), "en")
		for _, test := range []struct {
			enqueue func() error
			key     string
			body    string
		}{
			{func() error { _, err := client.Resize(ctx, "a"); return err }, "images.resize", `{"args":["a"],"kwargs":{}}`},
			{func() error { _, err := client.Listed(ctx, "a", 7, jobs.ID("7")); return err }, "images.listed", `{"args":["a"],"kwargs":{"width":7}}`},
			{func() error { _, err := client.Crop(ctx, Edges{Left: 1}); return err }, "images.crop", `{"args":[],"kwargs":{"left":1}}`},
			{func() error { return client.Forget(ctx, "a", "b") }, "images.forget", `{"args":["a","b"],"kwargs":{}}`},
			{func() error { return client.All(ctx, []string{"a"}, map[string]int{"z": 1, "b": 2}) }, "images.all", `{"args":["a"],"kwargs":{"b":2,"z":1}}`},
		} {
			if err := test.enqueue(); err != nil {
				t.Fatal(err)
			}
			d := hosttest.Next(t, p.jobs)
			if d.Key != test.key || string(d.Body) != test.body || d.ContentType != "application/json" || d.MessageID == "" || !strings.HasPrefix(d.ReplyTo, "gomeko.jobs.reply.") {
				t.Errorf("got %s %s %+v, want %s %s", d.Key, d.Body, d.Properties, test.key, test.body)
			}
			if d.Headers["nameko.language"] != "en" || d.Headers["gomeko.run_at"] != nil {
				t.Errorf("got the headers %v", d.Headers)
			}
			if test.key == "images.listed" && d.MessageID != "7" {
				t.Errorf("got the id %q", d.MessageID)
			}
		}
		began := time.Now().Truncate(time.Second)
		if _, err := client.Resize(ctx, "a", jobs.In(time.Hour)); err != nil {
			t.Fatal(err)
		}
		text, _ := hosttest.Next(t, p.jobs).Headers["gomeko.run_at"].(string)
		if at, err := time.Parse(time.RFC3339Nano, text); err != nil || at.Sub(began) < time.Hour || at.Sub(began) > time.Hour+hosttest.Timeout {
			t.Errorf("got run_at %s, %v", text, err)
		}
	})
}

// TestAttach attaches data that depends on the id and the body of a job.
func TestAttach(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		p := newPeer(t, uri, "gomeko.jobs.images", "images.*")
		client, err := jobs.Bind[ImageJobs](newEnqueuer(t, uri, jobs.Config{}))
		if err != nil {
			t.Fatal(err)
		}
		sign := func(id string, body []byte) (map[string]string, error) {
			if id == "wrong" {
				return nil, errors.New("no key")
			}
			return map[string]string{"language": "es", "sum": id + " " + string(body)}, nil
		}
		ctx := service.Language.With(t.Context(), "en")
		if _, err := client.Resize(ctx, "a", jobs.ID("wrong"), jobs.Attach(sign)); err == nil || !strings.Contains(err.Error(), "no key") {
			t.Errorf("got %v, want the error of the func", err)
		}
		if _, err := client.Resize(ctx, "a", jobs.ID("7"), jobs.Attach(sign)); err != nil {
			t.Fatal(err)
		}
		d := hosttest.Next(t, p.jobs)
		if d.MessageID != "7" || d.Headers["nameko.language"] != "es" || d.Headers["nameko.sum"] != "7 "+string(d.Body) {
			t.Errorf("got the job %s with %v", d.MessageID, d.Headers)
		}
	})
}

// TestOutcomesByReply waits for jobs without a store.
func TestOutcomesByReply(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		p := newPeer(t, uri, "gomeko.jobs.images", "images.*")
		client, err := jobs.Bind[ImageJobs](newEnqueuer(t, uri, jobs.Config{}))
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			answer string
			want   string
			is     error
		}{
			{`{"result":{"width":3},"error":null,"state":"succeeded","attempts":1}`, "{3} <nil>", nil},
			{`{"result":null,"error":null,"state":"succeeded","attempts":1}`, "", nil},
			{`{"result":null,"error":{"exc_type":"NotFound","exc_path":"a.NotFound","exc_args":[],"value":"no image"},"id":"7","service":"images","name":"resize","state":"failed","attempts":3}`,
				"{0} job images.resize 7 failed after 3 attempts: NotFound: no image", rpcerror.New("a.NotFound", "")},
			{`{"result":null,"error":{"exc_type":"suspect","exc_path":"suspect","exc_args":[],"value":"died"},"id":"7","service":"images","name":"resize","state":"failed","attempts":3}`,
				"{0} job images.resize 7 failed after 3 attempts: died", jobs.ErrSuspect},
			{`{"result":null,"error":null,"id":"7","service":"images","name":"resize","state":"cancelled","attempts":0}`,
				"{0} job images.resize 7 cancelled", jobs.ErrCancelled},
		} {
			ref, err := client.Resize(t.Context(), "a")
			if err != nil {
				t.Fatal(err)
			}
			p.answer(hosttest.Next(t, p.jobs), test.answer)
			img, err := ref.Wait(t.Context())
			if got := fmt.Sprint(img, " ", err); test.want != "" && got != test.want || test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%s: got %s, want %s, %v", test.answer, got, test.want, test.is)
			}
			if again, err2 := ref.Wait(t.Context()); again != img || fmt.Sprint(err2) != fmt.Sprint(err) {
				t.Errorf("got %v, %v at the second wait", again, err2)
			}
		}
		ref, err := client.Resize(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := ref.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "job images.resize "+ref.ID()) {
			t.Errorf("got %v", err)
		}
		_, statusErr := ref.Status(t.Context())
		for what, err := range map[string]error{"status": statusErr, "cancel": ref.Cancel(t.Context())} {
			if !errors.Is(err, jobs.ErrNoStore) {
				t.Errorf("%s: got %v, want %v", what, err, jobs.ErrNoStore)
			}
		}
	})
}

// TestForgottenRefs enqueues jobs whose Refs are not kept.
func TestForgottenRefs(t *testing.T) {
	t.Parallel()
	uri := brokertest.Embedded(t)
	e := newEnqueuer(t, uri, jobs.Config{})
	for range 100 {
		if _, err := e.Client("images").Enqueue(t.Context(), "resize"); err != nil {
			t.Fatal(err)
		}
	}
	hosttest.Eventually(t, "no outcome is expected any more", func() bool {
		runtime.GC()
		return jobs.Expected(e) == 0
	})
}

// TestUnrouted enqueues a job of a service that was never started: the message is kept.
func TestUnrouted(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		e := newEnqueuer(t, uri, jobs.Config{})
		if _, err := e.Client("images").Enqueue(t.Context(), "resize", "a"); err != nil {
			t.Fatal(err)
		}
		hosttest.Eventually(t, "the message is kept", func() bool { return brokertest.Depth(t, uri, "gomeko.jobs.unrouted") == 1 })
	})
}

// TestEnqueueMistakes enqueues invalid jobs.
func TestEnqueueMistakes(t *testing.T) {
	t.Parallel()
	e := newEnqueuer(t, brokertest.Embedded(t), jobs.Config{})
	c := e.Client("images")
	for want, args := range map[string][]any{
		"jobs.Priority needs a store":               {jobs.Priority(1)},
		"jobs.In and jobs.At exclude each other":    {jobs.In(time.Hour), jobs.At(time.Now())},
		"jobs.In(-1s): must not be negative":        {jobs.In(-time.Second)},
		`jobs.ID(""): must have 1 to 255 bytes`:     {jobs.ID("")},
		"jobs.Priority(99999): must be from -32768": {jobs.Priority(99999)},
		"arguments: cannot encode as JSON":          {make(chan int)},
	} {
		_, err := c.Enqueue(t.Context(), "resize", args...)
		if err == nil || !strings.HasPrefix(err.Error(), "job images.resize: "+want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := c.Enqueue(t.Context(), "resize(url)"); err == nil {
		t.Error("a name with parameters was enqueued")
	}
	var none jobs.Client
	if _, err := none.Enqueue(t.Context(), "resize"); err == nil || !strings.Contains(err.Error(), "not bound") {
		t.Errorf("got %v", err)
	}
	if _, err := jobs.Find[Image](t.Context(), c, "7"); !errors.Is(err, jobs.ErrNoStore) {
		t.Errorf("got %v", err)
	}
	if _, err := (jobs.Ref[Image]{}).Wait(t.Context()); err == nil {
		t.Error("an empty Ref has an outcome")
	}
	if _, err := jobs.NewEnqueuer(t.Context(), nil, jobs.Config{}); err == nil {
		t.Error("an Enqueuer without anything was made")
	}
}

// TestTypedClientMistakes binds invalid typed clients.
func TestTypedClientMistakes(t *testing.T) {
	t.Parallel()
	type wrong struct {
		_ jobs.Client `jobs:"images" timeout:"3s"`

		NoCtx   func(url string) error                                 `jobs:"a"`
		NoError func(context.Context)                                  `jobs:"b"`
		Result  func(context.Context) (Image, error)                   `jobs:"c"`
		NoName  func(context.Context) error                            `doc:"d"`
		Names   func(context.Context, int, ...jobs.Option) error       `jobs:"e(a, b)"`
		Chan    func(context.Context, chan int) error                  `jobs:"f"`
		Field   int                                                    `jobs:"g"`
		Rest    func(context.Context, ...int) (jobs.Ref[Image], error) `jobs:"h(a)"`
	}
	_, err := jobs.Bind[wrong](newEnqueuer(t, brokertest.Embedded(t), jobs.Config{}))
	for _, want := range []string{
		"jobs_test.wrong: unknown key timeout",
		"jobs_test.wrong: NoCtx: its first parameter is not context.Context",
		"jobs_test.wrong: NoError: it does not return (jobs.Ref[T], error) or error",
		"jobs_test.wrong: Result: it returns jobs_test.Image, but the job has not run yet",
		"jobs_test.wrong: NoName: unknown key doc",
		"jobs_test.wrong: NoName: the tag must name the job",
		"jobs_test.wrong: Names: e(a, b) does not match",
		"jobs_test.wrong: Chan: parameter",
		"jobs_test.wrong: Field: is int",
		"jobs_test.wrong: Rest: parameter a is ...int",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got\n%v\nwithout %s", err, want)
		}
	}
	if _, err := jobs.Bind[struct{ A int }](nil); err == nil || !strings.Contains(err.Error(), "add a field _ jobs.Client") {
		t.Errorf("got %v", err)
	}
}

// TestResolved waits for a job for which a test stands in.
func TestResolved(t *testing.T) {
	t.Parallel()
	client := ImageJobs{Resize: func(context.Context, string, ...jobs.Option) (jobs.Ref[Image], error) {
		return jobs.Resolved(Image{Width: 7}, nil), nil
	}}
	ref, _ := client.Resize(t.Context(), "a")
	status, err := ref.Status(t.Context())
	if img, waitErr := ref.Wait(t.Context()); img.Width != 7 || waitErr != nil || err != nil || status.State != "succeeded" {
		t.Errorf("got %v, %v, %v, %v", img, waitErr, status, err)
	}
	failed := errors.New("failed")
	if _, err := jobs.Resolved(json.RawMessage(nil), failed).Wait(t.Context()); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
}
