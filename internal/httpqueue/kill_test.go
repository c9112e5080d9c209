package httpqueue_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

// These variables tell a child process what to do, and where.
const (
	victimRole = "GOMEKO_TEST_HTTP"
	victimURI  = "GOMEKO_TEST_HTTP_URI"
)

// TestVictim is the program of the processes that other tests kill.
func TestVictim(t *testing.T) {
	role, uri := os.Getenv(victimRole), os.Getenv(victimURI)
	switch role {
	case "":
		t.Skip("the program of the processes that other tests kill")
	case "backend":
		serve(t, uri, victimHandler("first"), quick)
		os.Stderr.WriteString("the victim is ready\n")
	case "front":
		os.Stderr.WriteString("the victim is ready at " + front(t, uri, web.Config{Timeout: 2 * time.Second}, quick) + "\n")
	}
	select {}
}

// victim starts a process for a test to kill.
func victim(t *testing.T, uri, role string) *hosttest.Process {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestVictim$")
	cmd.Env = append(os.Environ(), victimURI+"="+uri, victimRole+"="+role)
	p := hosttest.StartProcess(t, cmd)
	p.Line("the victim is ready")
	return p
}

// victimHandler answers with its name. In a victim, it hangs if the path says so.
func victimHandler(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		switch {
		case r.URL.Path == "/large":
			w.Header().Set("X-Length", fmt.Sprint(largeAnswer))
			_, _ = w.Write(make([]byte, largeAnswer))
			return
		case r.URL.Path == "/half":
			_, _ = io.WriteString(w, "half")
			w.(http.Flusher).Flush()
		}
		if name == "first" && (r.URL.Path == "/half" || r.URL.Path == "/hang") {
			os.Stderr.WriteString("the victim runs " + r.URL.Path + "\n")
			<-r.Context().Done()
			return
		}
		fmt.Fprintf(w, "%s %s %d", name, r.URL.RequestURI(), n)
	}
}

// largeAnswer is the size of an answer that is sent in parts.
const largeAnswer = 300 << 10

// If the process that runs a request is killed, the request runs again if that is safe. Otherwise
// the client gets 502, or a body that is cut off if the answer has begun.
func TestBackendKilled(t *testing.T) {
	for _, c := range []struct {
		method, path, key, body string

		status int
		answer string // "" if it is cut off
	}{
		{"GET", "/hang", "", "", 200, "second /hang 0"},
		{"PUT", "/hang", "", "body", 200, "second /hang 4"},
		{"DELETE", "/hang", "", "", 200, "second /hang 0"},
		{"POST", "/hang", "", "body", 502, `"BackendLost"`},
		{"POST", "/hang", "a key", "body", 200, "second /hang 4"},
		{"PUT", "/hang", "", strings.Repeat("a", 300<<10), 502, `"BackendLost"`}, // a part of the body has been sent
		{"GET", "/half", "", "", 200, ""},
	} {
		t.Run(c.method+c.path+c.key+fmt.Sprint(len(c.body)), func(t *testing.T) {
			brokertest.Each(t, func(t *testing.T, uri string) {
				first := victim(t, uri, "backend")
				url := front(t, uri, web.Config{}, quick)
				request, _ := http.NewRequestWithContext(t.Context(), c.method, url+c.path, strings.NewReader(c.body))
				if c.key != "" {
					request.Header.Set("Idempotency-Key", c.key)
				}
				client := client(t)
				type result struct {
					status int
					body   string
					err    error
				}
				done := make(chan result, 1)
				go func() {
					response, err := client.Do(request)
					if err != nil {
						done <- result{err: err}
						return
					}
					defer response.Body.Close()
					body, err := io.ReadAll(response.Body)
					done <- result{response.StatusCode, string(body), err}
				}()
				first.Line("the victim runs " + c.path)
				serve(t, uri, victimHandler("second"), quick)
				first.Kill()
				r := hosttest.Receive(t, "the answer", done)
				if r.status != c.status || !strings.Contains(r.body, c.answer) || (r.err != nil) != (c.answer == "") {
					t.Errorf("got %d %s %v, want %d %s", r.status, r.body, r.err, c.status, cmp.Or(c.answer, "cut off"))
				}
			})
		})
	}
}

// The only process is killed in the middle of an answer. The front detects this without any message
// about it.
func TestOnlyBackendKilled(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		first := victim(t, uri, "backend")
		url := front(t, uri, web.Config{}, quick)
		response, err := client(t).Get(url + "/half")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		first.Kill()
		if body, err := io.ReadAll(response.Body); err == nil {
			t.Errorf("got %q without an error", body)
		}
	})
}

// If a front is killed, the handler's ctx ends: at the limit, or as soon as no more credit arrives
// for an answer.
func TestFrontKilled(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		began, ended := make(chan bool, 1), make(chan error, 1)
		serve(t, uri, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/flushed" {
				w.(http.Flusher).Flush()
			}
			began <- true
			<-r.Context().Done()
			ended <- context.Cause(r.Context())
		}), quick)
		for _, path := range []string{"/silent", "/flushed"} {
			p := victim(t, uri, "front")
			url := regexp.MustCompile(`http://\S+`).FindString(p.Line("the victim is ready at"))
			client := client(t)
			done := make(chan error, 1)
			go func() {
				response, err := client.Get(url + path)
				if err == nil {
					_, err = io.ReadAll(response.Body)
					response.Body.Close()
				}
				done <- err
			}()
			hosttest.Receive(t, "the handler", began)
			p.Kill()
			if err := hosttest.Receive(t, "the client", done); err == nil {
				t.Errorf("%s: got a whole answer", path)
			}
			if cause := hosttest.Receive(t, "the end of the handler's ctx", ended); cause == nil {
				t.Errorf("%s: got no cause", path)
			}
		}
	})
}

// outcomes counts how requests ended.
type outcomes struct {
	mu     sync.Mutex
	counts map[string]int
	done   int
}

// note records how a request ended, and returns the number of requests that have.
func (o *outcomes) note(what string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts[what]++
	o.done++
	return o.done
}

// thousand makes 1,000 requests, and calls at with the number of those that have ended. Each
// request must end with the complete answer, with the right status, or be cut off.
func thousand(t *testing.T, url func() string, at func(done int)) map[string]int {
	t.Helper()
	o := &outcomes{counts: map[string]int{}}
	client := client(t)
	client.Timeout = 30 * time.Second
	jobs := make(chan int)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range jobs {
				at(o.note(one(t, client, url(), i)))
			}
		})
	}
	for i := range 1000 {
		jobs <- i
	}
	close(jobs)
	all.Wait()
	return o.counts
}

// one makes one request and returns how it ended.
func one(t *testing.T, client *http.Client, url string, i int) string {
	method, path, body := http.MethodGet, fmt.Sprint("/quick?", i), ""
	switch i % 10 {
	case 1, 5, 9:
		method, body = http.MethodPost, "body"
	case 2:
		path = fmt.Sprint("/large?", i)
	case 3:
		method, body = http.MethodPut, strings.Repeat("a", 270<<10)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return "not made"
	}
	response, err := client.Do(request)
	if err != nil {
		if os.IsTimeout(err) {
			t.Errorf("%s %s: %v", method, path, err)
		}
		return "no answer"
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	switch {
	case response.StatusCode != http.StatusOK && response.StatusCode != 502 && response.StatusCode != 503 && response.StatusCode != 504:
		t.Errorf("%s %s: got %d %s", method, path, response.StatusCode, text)
	case response.StatusCode != http.StatusOK:
		return fmt.Sprint(response.StatusCode)
	case err != nil:
		return "cut off"
	case i%10 == 2 && len(text) != largeAnswer, i%10 != 2 && !strings.HasSuffix(string(text), fmt.Sprintf(" %s %d", path, len(body))):
		t.Errorf("%s %s: got %d bytes that look whole: %.100q", method, path, len(text), text)
	}
	return "whole"
}

// Processes of the backend are killed during 1,000 requests.
func TestThousandBackendsKilled(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		victims := []*hosttest.Process{victim(t, uri, "backend"), victim(t, uri, "backend"), victim(t, uri, "backend")}
		serve(t, uri, victimHandler("second"), quick)
		url := front(t, uri, web.Config{Timeout: 5 * time.Second, NoAccessLog: true}, quick)
		counts := thousand(t, func() string { return url }, func(done int) {
			if done%250 == 0 && done < 1000 {
				victims[done/250-1].Kill()
			}
		})
		t.Log(counts)
		if counts["whole"] < 900 || counts["no answer"] > 0 || counts["503"] > 0 {
			t.Errorf("got %v, want nearly all whole, and no front without an answer", counts)
		}
	})
}

// Fronts are killed during 1,000 requests.
func TestThousandFrontsKilled(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		serve(t, uri, victimHandler("second"), quick)
		var mu sync.Mutex
		var p *hosttest.Process
		var url string
		next := func() {
			p = victim(t, uri, "front")
			url = regexp.MustCompile(`http://\S+`).FindString(p.Line("the victim is ready at"))
		}
		next()
		counts := thousand(t, func() string {
			mu.Lock()
			defer mu.Unlock()
			return url
		}, func(done int) {
			if done%400 == 0 {
				mu.Lock()
				defer mu.Unlock()
				p.Kill()
				next()
			}
		})
		t.Log(counts)
		if counts["whole"] < 900 || counts["502"]+counts["503"] > 0 {
			t.Errorf("got %v, want nearly all whole, and the others without an answer or cut off", counts)
		}
	})
}

// A brokerProcess is a broker that a test kills and restarts.
type brokerProcess interface {
	URI() string
	Kill()
	Start()
}

// embedded is an embedded broker. When it ends, all of its messages and queues are lost.
type embedded struct {
	t       *testing.T
	address string
	broker  *broker.Broker
}

func (e *embedded) URI() string { return "amqp://guest:guest@" + e.address + "/" }

func (e *embedded) Start() {
	e.broker = broker.New(broker.Config{Logger: slog.New(slog.DiscardHandler)})
	hosttest.Eventually(e.t, "the broker listens", func() bool {
		addr, err := e.broker.Listen(cmp.Or(e.address, "127.0.0.1:0"))
		if err == nil {
			e.address = addr.String()
		}
		return err == nil
	})
}

func (e *embedded) Kill() { hosttest.Close(e.t, e.broker.Close) }

// The broker is killed during 1,000 requests, and restarted.
func TestThousandBrokerKilled(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) brokerProcess{
		"embedded": func(t *testing.T) brokerProcess {
			e := &embedded{t: t}
			e.Start()
			t.Cleanup(e.Kill)
			return e
		},
		"rabbitmq": func(t *testing.T) brokerProcess { return brokertest.StartNode(t) },
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			serve(t, b.URI(), victimHandler("second"), quick)
			url := front(t, b.URI(), web.Config{Timeout: 3 * time.Second, NoAccessLog: true}, quick)
			client := client(t)
			var gate sync.RWMutex // held while the broker starts
			counts := thousand(t, func() string {
				gate.RLock()
				defer gate.RUnlock()
				return url
			}, func(done int) {
				switch done {
				case 300:
					b.Kill()
				case 500:
					gate.Lock()
					defer gate.Unlock()
					b.Start()
					hosttest.Eventually(t, "requests are served again", func() bool {
						response, err := client.Get(url + "/after")
						if err != nil {
							return false
						}
						defer response.Body.Close()
						return response.StatusCode == http.StatusOK
					})
				}
			})
			t.Log(counts)
			if counts["whole"] < 600 || counts["503"] == 0 {
				t.Errorf("got %v, want answers before and after the broker was away", counts)
			}
		})
	}
}

// A stopping process finishes the requests that it has received, even those that wait for a worker:
// a POST is neither refused nor run twice.
func TestDrain(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		release, began := make(chan bool), make(chan bool, 100)
		shop := &Shop{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			began <- true
			<-release
			n, _ := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n)
		})}
		h := hosttest.Start(t, hosttest.Config{Service: service.Config{MaxWorkers: 4}, Broker: transport.Config{URI: uri}}, shop, service.Configure(fleet.HTTP()))
		url := front(t, uri, web.Config{})
		client := client(t)
		done := make(chan error, 4)
		for range 4 {
			go func() {
				response, err := client.Post(url, "text/plain", strings.NewReader("body"))
				if err == nil {
					defer response.Body.Close()
					if text, _ := io.ReadAll(response.Body); string(text) != "4" || response.StatusCode != http.StatusOK {
						err = fmt.Errorf("got %d %s", response.StatusCode, text)
					}
				}
				done <- err
			}()
		}
		for range 4 {
			hosttest.Receive(t, "the handler", began)
		}
		stopped := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), hosttest.Timeout)
			defer cancel()
			stopped <- h.Stop(ctx)
		}()
		close(release)
		for range 4 {
			if err := hosttest.Receive(t, "an answer", done); err != nil {
				t.Error(err)
			}
		}
		if err := hosttest.Receive(t, "the stop", stopped); err != nil && !errors.Is(err, service.ErrStopped) {
			t.Error(err)
		}
	})
}
