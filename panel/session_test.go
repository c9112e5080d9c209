package panel_test

import (
	"bufio"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/panel"
	"github.com/gomeko/gomeko/panel/account"
)

// slowly sends the head of a form, calls meanwhile while the panel waits for the rest, and then
// sends the rest.
func (b *browser) slowly(path, form string, meanwhile func()) *page {
	b.Helper()
	address, err := url.Parse(b.url)
	if err != nil {
		b.Fatal(err)
	}
	conn, err := net.Dial("tcp", address.Host)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute)) // for a panel that answers before the form
	cookies := []string{}
	for _, c := range b.Jar.Cookies(address) {
		cookies = append(cookies, c.String())
	}
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		path, address.Host, strings.Join(cookies, "; "), len(form))
	answer := bufio.NewReader(conn)
	request := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: path}}
	if first, err := http.ReadResponse(answer, request); err != nil || first.StatusCode != http.StatusContinue {
		b.Fatalf("the panel does not wait for the form: %v, %v", first, err)
	}
	meanwhile()
	fmt.Fprint(conn, form)
	response, err := http.ReadResponse(answer, request)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.Fatal(err)
	}
	return &page{b.stage, response, string(body)}
}

// TestSlowForm ends the session of a user while her form is being sent.
func TestSlowForm(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db *sql.DB, dialect account.Dialect) {
		f := newFair(t, brokertest.Embedded(t), db, dialect)
		admin := f.accounts.As(account.Actor{Name: "root"})
		for _, x := range []struct {
			what string
			end  func() error
		}{
			{"her password changes", func() error { return admin.SetPassword(t.Context(), "ann", password) }},
			{"she leaves the group", func() error { return admin.Leave(t.Context(), "ann", "panel/shop/report") }},
			{"she is disabled", func() error { return admin.Disable(t.Context(), "ann") }},
		} {
			p := f.as("ann").slowly("/services/shop/Report", "/month=May&/lines=2", func() {
				if err := x.end(); err != nil {
					t.Fatal(err)
				}
			})
			if p.StatusCode != http.StatusForbidden {
				p.leadsTo("/login")
			}
			var runs int
			if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM gomeko_panel_run`).Scan(&runs); err != nil || runs != 0 {
				t.Errorf("%s: %d runs were started, %v", x.what, runs, err)
			}
		}
		f.wantSessions(0)
	})
}

// wantSessions checks the number of ann's sessions.
func (s *stage) wantSessions(want int) {
	s.Helper()
	var n int
	if err := s.db.QueryRowContext(s.Context(), `SELECT count(*) FROM gomeko_panel_session WHERE name = 'ann'`).Scan(&n); err != nil || n != want {
		s.Errorf("ann has %d sessions instead of %d: %v", n, want, err)
	}
}

// A during calls a function while a page is rendered.
type during func()

func (d during) String() string { d(); return "" }

// TestEndedMeanwhile ends a session while a page is rendered. The page must not start it again.
func TestEndedMeanwhile(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db *sql.DB, dialect account.Dialect) {
		var s *stage
		s = newStage(t, panel.Config{Configuration: during(func() {
			if err := s.accounts.As(account.Actor{Name: "root"}).SetPassword(t.Context(), "ann", "another "+password); err != nil {
				t.Error(err)
			}
		})}, db, dialect)
		s.user("ann", panel.SeeConfiguration)
		ann := s.as("ann")
		s.wantSessions(1)
		if _, err := db.ExecContext(t.Context(), `UPDATE gomeko_panel_session SET expires_at = $1`, time.Now().Add(10*time.Minute).UnixMicro()); err != nil {
			t.Fatal(err)
		}
		ended := ann.get("/operations/configuration")
		ended.leadsTo("/login?next=%2Foperations%2Fconfiguration")
		s.wantSessions(0)
		if got := ended.Header.Values("Set-Cookie"); len(got) != 1 || !strings.HasPrefix(got[0], "gomeko_panel=;") {
			t.Errorf("the cookie stays: %q", got)
		}
		ann.get("/").leadsTo("/login")
	})
}

// TestEndOfLive ends the streams of users who may no longer see their run.
func TestEndOfLive(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db *sql.DB, dialect account.Dialect) {
		f := newFair(t, brokertest.Embedded(t), db, dialect)
		f.panel.SetPing(10 * time.Millisecond)
		ann, bob := f.as("ann"), f.as("bob")
		update := ann.post("/services/shop/Update", "").started()
		hosttest.Next(t, f.shop.begun)
		hers, his := ann.events(update+"/live"), bob.events(update+"/live")
		admin := f.accounts.As(account.Actor{Name: "root"})
		if err := admin.Leave(t.Context(), "bob", "view"); err != nil {
			t.Fatal(err)
		}
		hosttest.Closed(t, "the end of the stream", his)
		ann.post("/logout", "").leadsTo("/login")
		hosttest.Closed(t, "the end of the stream", hers)
		f.shop.updates <- "end"
	})
}

// TestManyStreams limits the open streams of a user.
func TestManyStreams(t *testing.T) {
	t.Parallel()
	f := newFair(t, brokertest.Embedded(t), nil, "")
	ann := f.as("ann")
	update := ann.post("/services/shop/Update", "").started()
	hosttest.Next(t, f.shop.begun)
	for range 20 {
		ann.events(update + "/live")
	}
	ann.get(update+"/live").want(http.StatusTooManyRequests, "Too many pages are open")
	f.as("bob").events(update + "/live")
	f.shop.updates <- "end"
	hosttest.Eventually(t, "the streams end", func() bool { return ann.get(update+"/live").StatusCode == http.StatusOK })
}
