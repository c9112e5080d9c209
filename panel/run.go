package panel

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/panel/result"
	"github.com/gomeko/gomeko/panel/run"
	"github.com/gomeko/gomeko/service"
)

const runsPath = "/runs"

// runPages are the pages about one run.
func runPages() []page {
	return []page{
		{pattern: "GET " + runsPath + "/{id}", serve: showRun},
		{pattern: "GET " + runsPath + "/{id}/live", serve: watchRun},
		{pattern: "GET " + runsPath + "/{id}/result", serve: downloadResult},
		{pattern: "POST " + runsPath + "/{id}/cancel", serve: cancelRun},
		{pattern: "POST " + runsPath + "/{id}/again", serve: runAgain},
	}
}

// runPath returns the path of a run's page.
func runPath(id string) string { return runsPath + "/" + url.PathEscape(id) }

// A shownRun is a run as pages show it.
type shownRun struct {
	*run.Run
	Heading string // of its row
	Path    string
	RowPath string
}

// heading returns the name of a run's row for users.
func (v *visit) heading(x *run.Run) string {
	if s := v.catalog.find(x.Service); s != nil {
		if row := s.row(x.Row); row != nil {
			return (&shownRow{Row: row}).Heading()
		}
	}
	return words(x.Row)
}

// unshown replaces the error of a method with sensitive arguments, because the error may quote
// them.
const unshown = "The text is not shown, because it may contain sensitive arguments."

// shown returns runs as pages show them, with secrets in texts masked.
func (v *visit) shown(all []*run.Run) []shownRun {
	list := make([]shownRun, len(all))
	for i, x := range all {
		masked := *x // x is shared
		x = &masked
		x.Error, x.Text = secret.Mask(x.Error), secret.Mask(x.Text)
		if len(x.Hidden) > 0 && x.ErrorType != "" && x.Error != "" {
			x.Error = unshown
		}
		list[i] = shownRun{x, v.heading(x), runPath(x.ID), rowPath(x.Service, x.Row)}
	}
	return list
}

// Word returns the name of the state for users.
func (x shownRun) Word() string {
	switch x.State {
	case run.Queued:
		return "Waiting"
	case run.Scheduled:
		return "Waits for the next attempt"
	case run.Lost:
		return "Unknown"
	}
	state := string(x.State)
	return strings.ToUpper(state[:1]) + state[1:]
}

// Colour returns the CSS class of the state.
func (x shownRun) Colour() string {
	switch x.State {
	case run.Succeeded:
		return "good"
	case run.Failed:
		return "bad"
	case run.Lost, run.Cancelled:
		return "warn"
	}
	return "busy"
}

// Took returns how long the run took, or how long it has been running.
func (x shownRun) Took() string {
	d := x.Duration(time.Now())
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", max(0, d.Milliseconds()))
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

// Percent returns the progress, from 0 to 100.
func (x shownRun) Percent() int { return int(min(max(x.Progress, 0), 1) * 100) }

// IsJob reports whether the run is a job.
func (x shownRun) IsJob() bool { return x.Kind == run.Job }

// A runPage is the data of the page of a run.
type runPage struct {
	shownRun

	Arguments result.Value
	Result    result.Value
	Sheet     bool        // the result can be downloaded as a spreadsheet
	Waiting   *waitingRun // if it waits for a resource that another job holds
	MayCancel bool
	MayRun    bool   // the row exists, and the user may run it
	Nonce     string // for running it again
}

// FaultsAt returns the faults of a parameter, including those of values inside it.
func (p *runPage) FaultsAt(name string) []service.Fault {
	at := "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	return slices.DeleteFunc(p.Faults(), func(f service.Fault) bool { return f.Pointer != at && !strings.HasPrefix(f.Pointer, at+"/") })
}

// given returns arguments as pages show them: nothing if there are none.
func given(arguments json.RawMessage) result.Value {
	if string(arguments) == "{}" {
		return result.Value{}
	}
	return result.Of(arguments)
}

// runPage returns the data of the page of a run for the user.
func (v *visit) runPage(x *run.Run) (_ *runPage, err error) {
	p := &runPage{shownRun: v.shown([]*run.Run{x})[0], Arguments: given(x.Arguments), Result: result.Of(x.Result), Sheet: result.IsTable(x.Result), Nonce: rand.Text()}
	if s := v.catalog.find(x.Service); s != nil {
		row := s.row(x.Row)
		p.MayRun = row != nil && v.user.Missing(row.Allow) == ""
	}
	p.MayCancel = !x.State.Final() && v.user.Missing(x.Allow) == "" && (x.Kind == run.RPC || v.cfg.Jobs != nil) && x.CancelledBy == ""
	p.Result.Cut = p.Result.Cut || x.Result == nil && x.Size > 0
	p.Waiting, err = v.waiting(v.ctx(), x)
	return p, err
}

// found returns the run in the path of the request.
func (v *visit) found() (*run.Run, error) {
	x, err := v.runs.Get(v.ctx(), v.who(), v.r.PathValue("id"))
	if err != nil {
		return nil, v.explain(err)
	}
	return x, nil
}

func showRun(v *visit) error {
	x, err := v.found()
	if err != nil {
		return err
	}
	p, err := v.runPage(x)
	if err != nil {
		return v.explain(err)
	}
	return v.render(http.StatusOK, "run.html", p.Heading, p)
}

func cancelRun(v *visit) error {
	id := v.r.PathValue("id")
	if err := v.runs.Cancel(v.ctx(), v.who(), id); err != nil && !errors.Is(err, run.ErrEnded) {
		return v.explain(err)
	}
	return v.redirect(runPath(id))
}

// runAgain starts a run with the same arguments. If some of them were not kept, or the row asks for
// confirmation, it opens the form instead.
func runAgain(v *visit) error {
	values, err := v.form()
	if err != nil {
		return err
	}
	id := v.r.PathValue("id")
	q, hidden, err := v.runs.Again(v.ctx(), v.who(), id)
	if err != nil {
		return v.explain(err)
	}
	s := v.catalog.find(q.Service)
	if s == nil || s.row(q.Row) == nil {
		return errNotFound
	}
	if len(hidden) > 0 || s.row(q.Row).Confirm {
		return v.redirect(rowPath(q.Service, q.Row) + "?" + url.Values{"again": {id}}.Encode())
	}
	q.Nonce = cmp.Or(values.Get("nonce"), rand.Text())
	return v.start(q)
}

// downloadResult answers with the result of a run as a file. With as=csv, it is a spreadsheet.
func downloadResult(v *visit) error {
	id := v.r.PathValue("id")
	data, err := v.runs.Result(v.ctx(), v.who(), id)
	if err != nil {
		return v.explain(err)
	}
	if data == nil {
		return &pageError{http.StatusNotFound, "There is no result", "The run has none, or it was too large to be kept."}
	}
	if err := v.commit(); err != nil {
		return err
	}
	name, kind := "result.json", "application/json"
	var text string
	switch {
	case v.r.URL.Query().Get("as") == "csv" && result.IsTable(data):
		name, kind = "result.csv", "text/csv; charset=utf-8"
	case json.Unmarshal(data, &text) == nil:
		data, name, kind = json.RawMessage(text), "result.txt", "text/plain; charset=utf-8"
	}
	v.w.Header().Set("Content-Type", kind)
	v.w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	if name == "result.csv" {
		_ = result.CSV(v.w, data) // fails if the browser has disconnected
		return nil
	}
	_, _ = v.w.Write(data) // fails if the browser has disconnected
	return nil
}

// Times of the connection of a page with live progress.
const (
	pingTime  = 15 * time.Second // between two pings, each with a check whether the user may still see the run
	writeTime = 30 * time.Second // for a slow browser to receive an event
)

// watchRun sends the changes of a run as Server-Sent Events. The event run has the whole live part
// of the page, progress has only the progress of a run that has not ended, and end says that
// nothing follows.
func watchRun(v *visit) error {
	if !v.streams.begin(v.user.Name) {
		return &pageError{http.StatusTooManyRequests, "Too many pages are open", "You watch as many runs as one user can. Close the pages of some."}
	}
	defer v.streams.end(v.user.Name)
	ctx, cancel := context.WithCancel(v.ctx())
	defer cancel()
	defer context.AfterFunc(v.live, cancel)()
	states, err := v.runs.Watch(ctx, v.who(), v.r.PathValue("id"))
	if err != nil {
		return v.explain(err)
	}
	if err := v.commit(); err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/event-stream")
	v.w.Header().Set("X-Accel-Buffering", "no") // otherwise nginx buffers the response
	s := &stream{visit: v, control: http.NewResponseController(v.w)}
	_ = s.control.SetReadDeadline(time.Time{}) // removes that of the request; not all writers have one
	ping := time.NewTicker(v.ping)
	defer ping.Stop()
	for {
		select {
		case x, ok := <-states:
			if !ok {
				if ctx.Err() == nil {
					s.send("end", nil)
				}
				return nil
			}
			err = s.run(x)
		case <-ping.C:
			var may bool
			if may, err = v.mayWatch(); err == nil && !may {
				s.send("end", nil)
				return nil
			}
			if err == nil {
				s.write(": ping\n\n")
			}
			if err == nil && s.last != nil && s.last.State == run.Queued { // its place in a line may have changed
				err = s.run(s.last)
			}
		}
		if err != nil || s.failed {
			return nil //nolint:nilerr // the answer has begun, and the browser asks again
		}
	}
}

// A stream is the response of watchRun.
type stream struct {
	*visit
	control *http.ResponseController
	last    *run.Run
	failed  bool
}

// run sends the whole run, or only its progress.
func (s *stream) run(x *run.Run) error {
	event, part := "run", "live"
	if s.last != nil && s.last.State == x.State && s.last.Attempts == x.Attempts && s.last.CancelledBy == x.CancelledBy && s.last.Unserved.Equal(x.Unserved) {
		event, part = "progress", "progress"
	}
	s.last = x
	shown, err := s.runPage(x)
	if err != nil {
		return err
	}
	text, err := s.templates.part("run.html", part, shown)
	if err != nil {
		s.log.Error("a page of the panel failed", "path", s.r.URL.Path, "err", err)
		return err
	}
	s.send(event, text)
	return nil
}

var eventLines = strings.NewReplacer("\r\n", "\ndata: ", "\r", "\ndata: ", "\n", "\ndata: ")

// send sends an event.
func (s *stream) send(event string, data []byte) {
	s.write("event: " + event + "\ndata: " + eventLines.Replace(string(data)) + "\n\n")
}

func (s *stream) write(text string) {
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTime)) // not all writers have one
	_, err := s.w.Write([]byte(text))
	s.failed = errors.Join(err, s.control.Flush()) != nil
}
