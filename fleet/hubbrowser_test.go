package fleet_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
)

// page listens in two ways, as Server-Sent Events and by long polling, and reports to the test.
const page = `<!doctype html>
<meta charset="utf-8">
<title>listener</title>
<script>
const until = UNTIL;

class Listener {
  constructor(how) {
    Object.assign(this, { how, last: 0, Gaps: 0, Doubles: 0, Resets: 0, Times: {} });
  }
  tell(what) {
    fetch("/report", { method: "POST", body: JSON.stringify({ ...this, what }) });
  }
  hear(e) {
    if (this.last >= 0 && e.N <= this.last) {
      this.Doubles++;
      return;
    }
    if (this.last >= 0 && e.N > this.last + 1) this.Gaps++;
    this.last = e.N;
    this.Times[e.N] = Date.now() - Date.parse(e.Sent);
    if (this.last >= until) this.tell("ended");
  }
  reset() {
    this.Resets++;
    this.last = -1;
  }
}

function stream() {
  const l = new Listener("stream");
  const source = new EventSource("/feed?channel=news");
  source.addEventListener("open", () => l.tell("begun"));
  source.addEventListener("reset", () => l.reset());
  source.addEventListener("told", (e) => {
    l.hear(JSON.parse(e.data));
    if (l.last >= until) source.close();
  });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) l.tell("closed");
  });
}

async function poll() {
  const l = new Listener("poll");
  let query = "&wait=0";
  while (l.last < until) {
    try {
      const answer = await (await fetch("/feed?channel=news" + query)).json();
      if (query === "&wait=0") l.tell("begun");
      if (answer.reset) l.reset();
      answer.events.forEach((e) => l.hear(e.data));
      query = "&next=" + answer.next;
    } catch {
      await new Promise((again) => setTimeout(again, 200));
    }
  }
}

stream();
poll();
</script>
`

// A report is what a page reports about one of its two listeners.
type report struct {
	listener
	How, What string
	Times     map[int]int64 // ms from sending to hearing, by event
}

// browse serves the browsers' pages on mux. Their reports are sent to the channel.
func browse(mux *http.ServeMux, until string) <-chan report {
	reports := make(chan report, 100)
	mux.HandleFunc("GET /page", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(strings.Replace(page, "UNTIL", until, 1)))
	})
	mux.HandleFunc("POST /report", func(w http.ResponseWriter, r *http.Request) {
		var told report
		if err := json.NewDecoder(r.Body).Decode(&told); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		reports <- told
	})
	return reports
}

// startBrowser opens the page in a headless Chromium.
func startBrowser(t *testing.T, chromium, url string) *hosttest.Process {
	t.Helper()
	dir, err := os.MkdirTemp("", "gomeko-chromium") //nolint:usetesting // a child of Chromium may still write to it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	args := []string{
		"--headless=new", "--disable-gpu", "--disable-quic", "--disable-component-update", "--disable-background-networking",
		"--no-first-run", "--log-level=3", "--user-data-dir=" + dir,
	}
	if os.Getuid() == 0 {
		args = append(args, "--no-sandbox")
	}
	return hosttest.StartProcess(t, exec.Command(chromium, append(args, url+"/page")...))
}

// add records what a page has received.
func (t *times) add(times map[int]int64) {
	for n, ms := range times {
		t.heard(n, time.Duration(ms)*time.Millisecond)
	}
}
