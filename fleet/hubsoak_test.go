package fleet_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/web"
)

// boardURI is the variable of a child process that serves feeds.
const boardURI = "GOMEKO_TEST_BOARD_URI"

// A reader is a client of a feed that returns until it has heard the last event.
type reader struct {
	client *http.Client
	url    string
	stream bool
	id     string
	last   int // the latest event; -1 if it may have missed some

	gaps, doubles, resets, returns int
	late                           time.Duration // of the latest event
}

// A numbered is the data of an event.
type numbered struct {
	N    int
	Sent time.Time
}

// hear notes an event.
func (r *reader) hear(data []byte) {
	var e numbered
	if json.Unmarshal(data, &e) != nil {
		return
	}
	switch {
	case r.last >= 0 && e.N <= r.last:
		r.doubles++
		return
	case r.last >= 0 && e.N > r.last+1:
		r.gaps++
	}
	r.last, r.late = e.N, max(r.late, time.Since(e.Sent))
}

func (r *reader) reset() { r.resets, r.last = r.resets+1, -1 }

// run listens until the event number until.
func (r *reader) run(ctx context.Context, until int, listening func()) {
	for r.last < until && ctx.Err() == nil {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/feed?channel=news&next="+url.QueryEscape(r.id), nil)
		if err != nil {
			return
		}
		if r.id == "" && !r.stream {
			request.URL.RawQuery += "&wait=0"
		}
		if r.stream {
			request.Header.Set("Accept", "text/event-stream")
		}
		response, err := r.client.Do(request)
		if err == nil && response.StatusCode == http.StatusOK {
			if r.stream {
				r.readStream(response.Body, until, listening)
			} else {
				r.readAnswer(response.Body, listening)
			}
		}
		if err == nil {
			response.Body.Close()
		}
		r.returns++
		if err != nil || response.StatusCode != http.StatusOK {
			select {
			case <-time.After(50 * time.Millisecond): // as a client does whose server has gone
			case <-ctx.Done():
			}
		}
	}
}

func (r *reader) readAnswer(body io.Reader, listening func()) {
	var a answer
	if json.NewDecoder(body).Decode(&a) != nil {
		return
	}
	if a.Reset != nil {
		r.reset()
	}
	for _, e := range a.Events {
		r.hear(e.Data)
	}
	r.id = a.Next
	listening()
}

func (r *reader) readStream(body io.Reader, until int, listening func()) {
	name, id := "", ""
	lines := bufio.NewScanner(body)
	var data string
	for r.last < until && lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "event":
			name = value
		case "data":
			data = value
		case "id":
			id = value
		case "":
			if id != "" {
				r.id, id = id, ""
			}
			switch {
			case name == "reset":
				r.reset()
			case data != "":
				r.hear([]byte(data))
			}
			name, data = "", ""
			listening()
		}
	}
}

// proxy returns the URL of a proxy that asks one process after the other.
func proxy(t *testing.T, urls []string) string {
	t.Helper()
	var turn atomic.Int64
	p := &httputil.ReverseProxy{
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0), // the killed process
		Transport:     &http.Transport{MaxIdleConnsPerHost: 100},
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		Rewrite: func(r *httputil.ProxyRequest) {
			to, _ := url.Parse(urls[int(turn.Add(1))%len(urls)])
			r.SetURL(to)
		},
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if e := recover(); e != nil && e != http.ErrAbortHandler {
				panic(e)
			}
			// A stream that breaks ends: the client returns.
		}()
		p.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
		p.Transport.(*http.Transport).CloseIdleConnections()
	})
	return s.URL
}

// memoryOf returns the resident memory of a process.
func memoryOf(pid int) string {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return "unknown"
}

// TestSoakFeeds has polls and streams, 1,000 of each with GOMEKO_SOAK, listen behind a proxy to
// three processes, one of which is killed among 200 events of a fourth: no client misses an event
// without a reset.
func TestSoakFeeds(t *testing.T) {
	if uri := os.Getenv(boardURI); uri != "" {
		n := startNode(t, uri, web.Config{MaxWaiting: 10_000, NoAccessLog: true}, new(Board))
		fmt.Fprintln(os.Stderr, "the board is at "+n.url)
		select {}
	}
	each := 20
	if os.Getenv("GOMEKO_SOAK") != "" {
		each = 1000
	}
	brokertest.Each(t, func(t *testing.T, uri string) {
		var boards []*hosttest.Process
		var pids []*exec.Cmd
		var urls []string
		for range 3 {
			cmd := exec.Command(os.Args[0], "-test.run=^TestSoakFeeds$")
			cmd.Env = append(os.Environ(), boardURI+"="+uri)
			p := hosttest.StartProcess(t, cmd)
			line := p.Line("the board is at ")
			_, at, _ := strings.Cut(line, "the board is at ")
			boards, pids, urls = append(boards, p), append(pids, cmd), append(urls, strings.TrimSpace(at))
		}
		publisher := startNode(t, uri, web.Config{})
		front := proxy(t, urls)
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: each}}
		defer client.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(t.Context(), hosttest.Timeout)
		defer cancel()
		readers := make([]*reader, 2*each)
		var running, begun sync.WaitGroup
		const events = 200
		for i := range readers {
			r := &reader{client: client, url: front, stream: i%2 == 0, last: -1}
			readers[i] = r
			begun.Add(1)
			once := sync.OnceFunc(begun.Done)
			running.Go(func() { r.run(ctx, events, once) })
		}
		begun.Wait()
		ended := make(chan struct{})
		go func() {
			running.Wait()
			close(ended)
		}()
		for n, over := 1, false; !over; n++ {
			if n == events/2 {
				t.Logf("memory of the processes: %s, %s, %s", memoryOf(pids[0].Process.Pid), memoryOf(pids[1].Process.Pid), memoryOf(pids[2].Process.Pid))
				boards[0].Kill()
			}
			if err := publisher.hub.Broadcast(ctx, "news", "told", numbered{n, time.Now()}); err != nil {
				t.Fatal(err)
			}
			pause := 5 * time.Millisecond
			if n > events { // for those that had a reset at the end
				pause = 100 * time.Millisecond
			}
			select {
			case <-ended:
				over = true
			case <-time.After(pause):
			}
		}
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Error("some clients have not heard the last event")
		}
		var sum reader
		for _, r := range readers {
			sum.gaps += r.gaps
			sum.doubles += r.doubles
			sum.resets += r.resets
			sum.returns += r.returns
			sum.late = max(sum.late, r.late)
		}
		t.Logf("%d clients: %d gaps without reset, %d doubles, %d resets, %d returns; %s until the last listener had an event",
			len(readers), sum.gaps, sum.doubles, sum.resets, sum.returns, sum.late)
		if sum.gaps > 0 {
			t.Errorf("got %d gaps without a reset", sum.gaps)
		}
	})
}
