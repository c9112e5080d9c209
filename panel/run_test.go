package panel_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"html"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/panel"
	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Shop has rows that users run: calls and jobs.
type Shop struct {
	_ service.Name `service:"shop" allow:"panel/shop"`

	Entrypoints struct {
		Report rpc.Method `rpc:"report(month, lines=2)" allow:"report"`
		Login  rpc.Method `rpc:"login(card)" allow:"report"`
		Update jobs.Job   `jobs:"update(test_only=False)" allow:"update"`
		Purge  jobs.Job   `jobs:"purge(reason)" allow:"update" confirm:"true"`
	}

	updates chan string   // instructions for running jobs
	purged  chan string   // the reasons
	begun   chan struct{} // an update has begun
}

// A line is a line of a report.
type line struct {
	Product string `json:"product"`
	Sold    int    `json:"sold"`
}

// Card has a value that must not be shown.
type Card struct {
	Number string `json:"number" minLength:"4"`
	Code   string `json:"code" sensitive:"true"`
}

func (*Shop) Report(_ context.Context, month string, lines int) ([]line, error) {
	if month == "never" {
		return nil, errors.New("no such month")
	}
	all := []line{}
	for range lines {
		all = append(all, line{month, 7})
	}
	return all, nil
}

func (*Shop) Login(_ context.Context, c Card) (string, error) { return c.Number + " is fine", nil }

func (s *Shop) Update(ctx context.Context, testOnly bool) (map[string]any, error) {
	s.begun <- struct{}{}
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case what := <-s.updates:
			if what == "end" {
				return map[string]any{"test": testOnly}, nil
			}
			jobs.Progress(ctx, 0.5, what)
		}
	}
}

func (s *Shop) Purge(_ context.Context, reason string) error {
	s.purged <- reason
	return nil
}

// A fair is a stage with the service Shop.
type fair struct {
	*stage
	shop *Shop
}

// newFair starts the service and a panel with users.
func newFair(t *testing.T, uri string, db *sql.DB, dialect account.Dialect) *fair {
	t.Helper()
	jobsStore, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "jobs.db"))
	if err == nil {
		t.Cleanup(func() { jobsStore.Close() })
		_, _, err = jobsStore.Migrate(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	shop := &Shop{updates: make(chan string), purged: make(chan string, 10), begun: make(chan struct{}, 10)}
	hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, shop,
		service.Configure(fleet.Control(fleet.ControlConfig{})), service.Configure(jobs.Config{Store: jobsStore}))
	f := &fair{newStage(t, panel.Config{Broker: hosttest.Dial(t, transport.Config{URI: uri}), Jobs: jobsStore}, db, dialect), shop}
	f.user("ann", "panel/shop/report", "panel/shop/update")
	f.user("bob", "view", "panel/shop/report")
	f.panel.Refresh(t.Context())
	return f
}

// onEachFair runs a test on both brokers, with the panel on SQLite and on PostgreSQL.
func onEachFair(t *testing.T, test func(t *testing.T, f *fair)) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		onEach(t, func(t *testing.T, db *sql.DB, dialect account.Dialect) { test(t, newFair(t, uri, db, dialect)) })
	})
}

// hidden returns the value of a hidden field of a page.
func (p *page) hidden(name string) string {
	p.Helper()
	m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(p.body)
	if m == nil {
		p.Fatalf("%s: has no field %s: %s", p.Request.URL, name, p.body)
	}
	return m[1]
}

// started returns the path of the run that was started from a form.
func (p *page) started() string {
	p.Helper()
	path := p.Header.Get("Location")
	if p.StatusCode != http.StatusSeeOther || !strings.HasPrefix(path, "/runs/") {
		p.Fatalf("%s: nothing was started: %d %s", p.Request.URL, p.StatusCode, p.text())
	}
	return path
}

// until requests a page until it contains a text.
func (b *browser) until(path, text string) (p *page) {
	b.Helper()
	hosttest.Eventually(b, path+" has "+text, func() bool {
		p = b.get(path)
		return strings.Contains(p.text(), text)
	})
	return p
}

// TestRun starts calls and jobs from forms, and follows them to their end.
func TestRun(t *testing.T) {
	onEachFair(t, func(t *testing.T, f *fair) {
		ann := f.as("ann")

		// A call: a wrong value is marked at its field, then the result arrives.
		form := ann.get("/services/shop/Report").want(http.StatusOK, "Month Lines")
		nonce := "nonce=" + form.hidden("nonce")
		ann.post("/services/shop/Report", nonce+"&/month=May&/lines=x").want(http.StatusUnprocessableEntity, "One value is wrong")
		report := ann.post("/services/shop/Report", nonce+"&/month=May&/lines=2").started()
		if again := ann.post("/services/shop/Report", nonce+"&/month=May&/lines=2").started(); again != report {
			t.Errorf("a double click has started %s besides %s", again, report)
		}
		ann.post("/services/shop/Report", nonce+"&/month=June&/lines=2").want(http.StatusConflict, "This form was used before")
		ann.until(report, "Succeeded It took ").want(http.StatusOK, "product sold May 7 May 7").want(http.StatusOK, "month May")
		download := ann.get(report+"/result").want(http.StatusOK, `[{"product":"May","sold":7},{"product":"May","sold":7}]`)
		if got := download.Header.Get("Content-Disposition"); got != `attachment; filename="result.json"` {
			t.Errorf("Content-Disposition: %s", got)
		}
		failed := ann.post("/services/shop/Report", "/month=never&/lines=1").started()
		ann.until(failed, "Failed It took ").want(http.StatusOK, "no such month")
		sheet := ann.get(report+"/result?as=csv").want(http.StatusOK, "product,sold May,7 May,7")
		if got := sheet.Header.Get("Content-Disposition"); got != `attachment; filename="result.csv"` {
			t.Errorf("got %q", got)
		}
		ann.get(report).want(http.StatusOK, "Download as CSV")
		ann.get(failed+"/result").want(http.StatusNotFound, "There is no result")

		// A job, with its progress.
		update := ann.post("/services/shop/Update", "/test_only=true").started()
		hosttest.Next(t, f.shop.begun)
		ann.get(update).want(http.StatusOK, "Update was started.").want(http.StatusOK, "Running")
		ann.get(update).lacks("was started")
		f.shop.updates <- "half"
		ann.until(update, "50 %: half")
		f.shop.updates <- "end"
		ann.until(update, "Succeeded It took ").want(http.StatusOK, "test Yes")

		// Again, and cancelled.
		again := ann.post(update+"/again", "nonce=again").started()
		hosttest.Next(t, f.shop.begun)
		ann.post(again+"/cancel", "").leadsTo(again)
		ann.until(again, "Cancelled It took ")
		ann.post(again+"/cancel", "").leadsTo(again)
		ann.get("/services/shop/Update?again="+strings.TrimPrefix(again, "/runs/")).want(http.StatusOK, "Last runs Cancelled")

		// Other users see it only with the group view, and run only what they may.
		f.user("eve", "panel/shop/report")
		eve := f.as("eve")
		for _, path := range []string{update, update + "/result", update + "/live"} {
			eve.get(path).want(http.StatusForbidden, "It needs the group view, ")
		}
		eve.post(update+"/cancel", "").want(http.StatusForbidden, "view")
		eve.post(update+"/again", "").want(http.StatusForbidden, "view")
		eve.get("/runs").want(http.StatusOK, "Nothing has been started yet")
		eve.get("/runs?user=ann").want(http.StatusForbidden, "It needs the group view, ")
		bob := f.as("bob")
		bob.get(update).want(http.StatusOK, "Started by ann, from 127.0.0.1").lacks("Run again")
		bob.post(update+"/again", "").want(http.StatusForbidden, "panel/shop/update")
		bob.until("/runs?state=cancelled", "Update shop Cancelled ann").lacks("Succeeded ann")
		bob.get("/runs?row=shop.Report&user=ann").want(http.StatusOK, "Report shop Failed ann").lacks("Update</a>")
		bob.get("/runs?from=2001-01-01&to=2001-01-02").want(http.StatusOK, "No run is like this")
		bob.get("/runs?from=tomorrow").want(http.StatusUnprocessableEntity, "The first day must be a date.")
		bob.get("/runs?state=odd").want(http.StatusUnprocessableEntity, "There is no such state.")
		for _, path := range []string{"/runs/nothing", "/runs/nothing/live", "/runs/nothing/result", "/runs/%00"} {
			bob.get(path).want(http.StatusNotFound, "")
		}
	})
}

// TestConfirm checks that a row asks for confirmation if it requires it.
func TestConfirm(t *testing.T) {
	t.Parallel()
	f := newFair(t, brokertest.Embedded(t), nil, "")
	ann := f.as("ann")
	asked := ann.post("/services/shop/Purge", "nonce=1&/reason=old").want(http.StatusOK, "Run “Purge”? reason old")
	if len(f.shop.purged) > 0 {
		t.Error("it ran before it was confirmed")
	}
	sealed := "sealed=" + asked.hidden("sealed")
	ann.post("/services/shop/Purge", sealed+"&edit=yes").want(http.StatusOK, "Continue").has(`value="old"`)
	first := ann.post("/services/shop/Purge", sealed).started()
	if second := ann.post("/services/shop/Purge", sealed).started(); second != first {
		t.Errorf("a double click has started %s besides %s", second, first)
	}
	if got := hosttest.Next(t, f.shop.purged); got != "old" {
		t.Errorf("purged because of %q", got)
	}
	ann.until(first, "Succeeded It took ")
	again := ann.post(first+"/again", "nonce=2")
	again.leadsTo("/services/shop/Purge?again=" + strings.TrimPrefix(first, "/runs/"))
	ann.get(again.Header.Get("Location")).want(http.StatusOK, "Continue").has(`value="old"`)

	// What was sealed for one user and one row is useless for others.
	f.user("root")
	const old = "This page is too old"
	f.as("root").post("/services/shop/Purge", sealed).want(http.StatusConflict, old)
	ann.post("/services/shop/Report", sealed).want(http.StatusConflict, old)
	for _, forged := range []string{"", "AAAA", "!", asked.hidden("sealed")[4:]} {
		ann.post("/services/shop/Purge", "sealed="+forged).want(http.StatusConflict, old)
	}
}

// TestSensitive checks that no page and no row of the database contains a sensitive value.
func TestSensitive(t *testing.T) {
	t.Parallel()
	f := newFair(t, brokertest.Embedded(t), nil, "")
	ann := f.as("ann")
	const secret = "hush-4711"
	ann.post("/services/shop/Login", "/card/number=12&/card/code="+secret).want(http.StatusUnprocessableEntity, "").lacks(secret)
	run := ann.post("/services/shop/Login", "/card/number=1234&/card/code="+secret).started()
	ann.until(run, "1234 is fine").lacks(secret)
	ann.post(run+"/again", "").leadsTo("/services/shop/Login?again=" + strings.TrimPrefix(run, "/runs/"))
	ann.get("/services/shop/Login?again=" + strings.TrimPrefix(run, "/runs/")).has(`value="1234"`).lacks(secret)
	for _, table := range []string{"gomeko_panel_run", "gomeko_panel_audit", "gomeko_panel_session"} {
		var n int
		column := map[string]string{"gomeko_panel_run": "arguments", "gomeko_panel_audit": "details", "gomeko_panel_session": "data"}[table]
		if err := f.db.QueryRowContext(t.Context(), `SELECT count(*) FROM `+table+` WHERE instr(`+column+`, '`+secret+`') > 0`).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s has the secret: %d, %v", table, n, err)
		}
	}
}

// TestEscapedRuns shows runs whose arguments, results and errors try to inject scripts into the
// pages.
func TestEscapedRuns(t *testing.T) {
	t.Parallel()
	f := newFair(t, brokertest.Embedded(t), nil, "")
	ann := f.as("ann")
	for _, x := range payloads {
		x = strings.ReplaceAll(x, "\x00", "")
		run := ann.post("/services/shop/Report", "/lines=1&/month="+url.QueryEscape(x)).started()
		ann.until(run, "Succeeded It took ").harmless()
		ann.get("/services/shop/Report?again=" + strings.TrimPrefix(run, "/runs/")).harmless()
		ann.post("/services/shop/Purge", "/reason="+url.QueryEscape(x)).want(http.StatusOK, "").harmless()
		ann.get("/runs?row=" + urlEscape(x) + "&user=ann&from=" + urlEscape(x)).harmless()
	}
}

// has checks that a page contains a piece of HTML.
func (p *page) has(text string) *page {
	p.Helper()
	if !strings.Contains(p.body, text) {
		p.Errorf("%s %s: lacks %s: %s", p.Request.Method, p.Request.URL, text, p.body)
	}
	return p
}

// TestLive follows a run by Server-Sent Events, until it ends or the panel stops.
func TestLive(t *testing.T) {
	t.Parallel()
	f := newFair(t, brokertest.Embedded(t), nil, "")
	ann := f.as("ann")
	update := ann.post("/services/shop/Update", "").started()
	hosttest.Next(t, f.shop.begun)
	events := ann.events(update + "/live")
	next := func(event, text string) {
		t.Helper()
		for {
			got := hosttest.Next(t, events)
			if got[0] == event && strings.Contains(got[1], text) {
				return
			}
			if got[0] == "end" {
				t.Fatalf("the end came before %s with %s", event, text)
			}
		}
	}
	next("run", "Running")
	f.shop.updates <- "<b>half</b>\r\nevent: end"
	next("progress", "50 %: &lt;b&gt;half&lt;/b&gt;")
	f.shop.updates <- "end"
	next("run", "Succeeded")
	next("end", "")
	if _, open := <-events; open {
		t.Error("the stream goes on after its end")
	}
	ann.get(update).lacks("sse-connect")

	second := ann.post("/services/shop/Update", "").started()
	hosttest.Next(t, f.shop.begun)
	events = ann.events(second + "/live")
	next("run", "Running")
	f.panel.Drain()
	hosttest.Closed(t, "the end of the stream", events)
	f.shop.updates <- "end"
}

// events returns the events of a stream: their names and their data.
func (b *browser) events(path string) <-chan [2]string {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, b.url+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	response, err := b.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	if got := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || got != "text/event-stream" {
		b.Fatalf("%s: %d %s", path, response.StatusCode, got)
	}
	events := make(chan [2]string, 100)
	go func() {
		defer close(events)
		defer response.Body.Close()
		var event [2]string
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			switch text := lines.Text(); {
			case strings.HasPrefix(text, "event: "):
				event[0] = strings.TrimPrefix(text, "event: ")
			case strings.HasPrefix(text, "data: "):
				event[1] += strings.TrimPrefix(text, "data: ") + "\n"
			case text == "":
				events <- event
				event = [2]string{}
			}
		}
	}()
	return events
}

// TestChangedRow sends a form whose row has changed.
func TestChangedRow(t *testing.T) {
	t.Parallel()
	f := newFair(t, brokertest.Embedded(t), nil, "")
	ann := f.as("ann")
	signature := ann.signature("/services/shop/Report")
	const changed = `{"document":"gomeko.describe/v1","service":"shop","rows":[{"name":"Report","method":"Report","kind":"rpc","call":"report","signature":"report(year)","allow":"panel/shop/report",` +
		`"parameters":[{"name":"year","kind":"positional","required":true,"schema":{"type":"integer"}}]}],"$defs":{}}`
	if _, err := f.db.ExecContext(t.Context(), `UPDATE gomeko_panel_service SET description = $1`, changed); err != nil {
		t.Fatal(err)
	}
	ann.at(newStageLike(f.stage)).post("/services/shop/Report", "signature:="+signature+"&/month=May").want(http.StatusUnprocessableEntity, "The row has changed")

	// The arguments are still valid after this change, but users see it before they send them
	// again.
	asked := ann.post("/services/shop/Purge", "signature:="+ann.signature("/services/shop/Purge")+"&/reason=old")
	const grown = `{"document":"gomeko.describe/v1","service":"shop","rows":[{"name":"Report","method":"Report","kind":"rpc","call":"report","signature":"report(month, lines=2, year=None)","allow":"panel/shop/report",` +
		`"parameters":[{"name":"month","kind":"positional","required":true,"schema":{"type":"string"}},{"name":"lines","kind":"positional","default":2,"schema":{"type":"integer"}},` +
		`{"name":"year","kind":"positional","default":null,"schema":{"type":["integer","null"]}}]},` +
		`{"name":"Purge","method":"Purge","kind":"jobs","call":"purge","signature":"purge(reason)","allow":"panel/shop/update","confirm":true,` +
		`"parameters":[{"name":"reason","kind":"positional","required":true,"schema":{"type":"string","maxLength":5}}]}],"$defs":{}}`
	if _, err := f.db.ExecContext(t.Context(), `UPDATE gomeko_panel_service SET description = $1`, grown); err != nil {
		t.Fatal(err)
	}
	there := ann.at(newStageLike(f.stage))
	there.post("/services/shop/Report", "signature:="+signature+"&/month=May&/lines=3").want(http.StatusConflict, "The row has changed /year is new: optional").has(`value="May"`).has(`value="3"`)
	there.get("/runs").want(http.StatusOK, "Nothing has been started yet")
	there.post("/services/shop/Report", "signature:="+there.signature("/services/shop/Report")+"&/month=May&/lines=3").started()
	late := there.post("/services/shop/Purge", "sealed="+asked.hidden("sealed"))
	late.want(http.StatusConflict, "The row has changed /reason has changed: it was required text").has(`value="old"`)
	there.post("/services/shop/Purge", "signature:="+there.signature("/services/shop/Purge")+"&/reason=old").want(http.StatusOK, "Run “Purge”? reason old")
}

// signature returns the signature in the form of a row, for use in a request.
func (b *browser) signature(path string) string {
	b.Helper()
	return url.QueryEscape(html.UnescapeString(b.get(path).hidden("signature:")))
}

// newStageLike serves another process of the panel, without the fleet, and returns its address.
func newStageLike(s *stage) string {
	s.Helper()
	other := *s
	other.broker = nil
	_, address := other.serve(panel.Config{Accounts: s.accounts, DB: s.db})
	return address
}

// TestShownErrors masks secrets in the errors of methods.
func TestShownErrors(t *testing.T) {
	t.Parallel()
	f := newFair(t, brokertest.Embedded(t), nil, "")
	ann := f.as("ann")
	failed := ann.post("/services/shop/Report", "/month=never&/lines=1").started()
	ann.until(failed, "Failed It took ")
	set := func(hidden string) {
		t.Helper()
		if _, err := f.db.ExecContext(t.Context(), `UPDATE gomeko_panel_run SET error = 'dial postgres://ann:hush-4711@db/x', hidden = $1`, hidden); err != nil {
			t.Fatal(err)
		}
	}
	set(`[]`)
	ann.get(failed).want(http.StatusOK, "dial postgres://ann:").lacks("hush-4711")
	set(`["card"]`)
	ann.get(failed).want(http.StatusOK, "The text is not shown").lacks("dial")
}
