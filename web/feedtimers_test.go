package web_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomeko/gomeko/servicetest"
)

// silent sends a request to the feed of a Radio that is served in memory.
func silent(t *testing.T, h *servicetest.Host, query, accept string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://radio/feed?channel=a"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", accept)
	response, err := h.HTTP().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// polled polls a Radio that is served in memory and returns the response.
func polled(t *testing.T, h *servicetest.Host, query string) (got told) {
	t.Helper()
	response := silent(t, h, query, "application/json")
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	return got
}

// TestFeedPollWait checks that polls wait for 25 s, or for less if they ask for it.
func TestFeedPollWait(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]time.Duration{
		"": 25 * time.Second, "&wait=60": 25 * time.Second, "&wait=1e300": 25 * time.Second, "&wait=1.5": 1500 * time.Millisecond, "&wait=0": 0,
	} {
		synctest.Test(t, func(t *testing.T) {
			h := servicetest.New(t, new(Radio))
			began := time.Now()
			got := polled(t, h, query)
			if took := time.Since(began); got.String() != "" || took != want {
				t.Errorf("%q: got %q after %s, want nothing after %s", query, got, took, want)
			}
		})
	}
}

// TestFeedKeepAlive checks that a stream without events gets a comment every 15 s.
func TestFeedKeepAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := servicetest.New(t, new(Radio))
		response := silent(t, h, "", "text/event-stream")
		defer response.Body.Close()
		lines := bufio.NewScanner(response.Body)
		for lines.Scan() && lines.Text() != "" { // the first block contains the start position
		}
		began := time.Now()
		for i := range 5 {
			if !lines.Scan() || lines.Text() != ":" || !lines.Scan() || lines.Text() != "" {
				t.Fatalf("got %q, want a comment", lines.Text())
			}
			if took, want := time.Since(began), time.Duration(i+1)*15*time.Second; took != want {
				t.Errorf("comment %d: after %s, want %s", i, took, want)
			}
		}
	})
}

// TestFeedLinger has a polling client return just before the events of its channel are dropped, a
// minute after the last client has left, and then just after.
func TestFeedLinger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := servicetest.New(t, new(Radio))
		next := polled(t, h, "&wait=0").Next
		time.Sleep(time.Minute - time.Millisecond)
		response, err := h.HTTP().Post("http://radio/send", "application/json", strings.NewReader(`{"channel": "a", "event": "told", "data": 1}`))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		got := polled(t, h, "&next="+next)
		if got.String() != "a told 1" {
			t.Errorf("got %q, want the event", got)
		}
		time.Sleep(time.Minute + time.Millisecond)
		if got := polled(t, h, "&next="+got.Next); got.String() != "reset" {
			t.Errorf("got %q, want a reset", got)
		}
	})
}
