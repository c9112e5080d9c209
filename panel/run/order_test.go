package run_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/panel/run"
)

// TestDoubleClick sends the same form many times to two processes of a panel.
func TestDoubleClick(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *site) {
		w := new(work)
		s.host(w)
		panels := []*run.Runs{s.panel(), s.panel()}
		ann := who("ann", append(update, report...)...)
		for row, arguments := range map[string]string{"Update": `{"test_only": true}`, "Report": `{"month": 7}`} {
			before := len(w.all())
			q := run.Request{Service: "shop", Row: row, Arguments: json.RawMessage(arguments), Nonce: row}
			var mu sync.Mutex
			var ids []string
			var clicks sync.WaitGroup
			for i := range 10 {
				clicks.Go(func() {
					x, err := panels[i%2].Start(t.Context(), ann, q)
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						t.Error(err)
						return
					}
					ids = append(ids, x.ID)
				})
			}
			clicks.Wait()
			if slices.Sort(ids); len(ids) != 10 || ids[0] != ids[9] {
				t.Fatalf("%s: got the runs %v, want one", row, ids)
			}
			x := end(t, panels[1], ann, ids[0])
			if x.State != run.Succeeded || len(w.all()) != before+1 {
				t.Errorf("%s: got %s, and %v has run", row, x.State, w.all()[before:])
			}
			q.Arguments = json.RawMessage(strings.NewReplacer("true", "false", "7", "8").Replace(arguments))
			if _, err := panels[0].Start(t.Context(), ann, q); err == nil || !errors.As(err, new(*run.NonceError)) || !strings.Contains(err.Error(), x.ID) {
				t.Errorf("%s: with other arguments: got %v, want a NonceError", row, err)
			}
			bob := who("bob", append(update, report...)...)
			if y, err := panels[0].Start(t.Context(), bob, q); err != nil || y.ID == x.ID {
				t.Errorf("%s: by another user: got %v, %v", row, y, err)
			} else {
				end(t, panels[0], bob, y.ID)
			}
		}
		if starts := len(s.audited("run")); starts != 4 {
			t.Errorf("the audit trail has %d starts, want 4:\n%s", starts, strings.Join(s.audit(), "\n"))
		}
	})
}

// audited returns the entries of an action.
func (s *site) audited(action string) (lines []string) {
	s.t.Helper()
	for _, line := range s.audit() {
		if strings.Fields(line)[2] == action {
			lines = append(lines, line)
		}
	}
	return lines
}

// TestSharedResource lets two teams start jobs that change the same products, from two panels. The
// jobs run one after the other on two workers, in the order in which they were started.
func TestSharedResource(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *site) {
		var mu sync.Mutex
		running, together := 0, 0
		begun, release := make(chan string, 20), make(chan struct{})
		w := &work{do: func(ctx context.Context, what string) (any, error) {
			mu.Lock()
			if running++; running > 1 {
				together++
			}
			mu.Unlock()
			defer func() { mu.Lock(); running--; mu.Unlock() }()
			select {
			case begun <- what:
			case <-ctx.Done():
			}
			select {
			case <-release:
			case <-ctx.Done():
			}
			return what, nil
		}}
		s.host(w)
		s.host(w)
		stock, sales := s.panel(), s.panel()
		ann, bob := who("ann", update...), who("bob", update...)
		var want []string
		var last *run.Run
		for i := range 4 {
			start(t, stock, ann, "Update", `{"test_only": true}`)
			last = start(t, sales, bob, "Prices", fmt.Sprintf(`{"factor": %d}`, i))
			want = append(want, "update true", fmt.Sprint("prices ", i))
		}
		if first := hosttest.Next(t, begun); first != want[0] {
			t.Errorf("first runs %s", first)
		}
		s.checkLine(stock, 8)
		release <- struct{}{}
		for _, one := range want[1:] {
			if got := hosttest.Next(t, begun); got != one {
				t.Errorf("got %s, want %s", got, one)
			}
			release <- struct{}{}
		}
		if x := end(t, sales, bob, last.ID); x.State != run.Succeeded || together > 0 {
			t.Errorf("the last one has %s: %s; %d ran together", x.State, x.Error, together)
		}
		if all, err := stock.Resources(t.Context()); len(all) != 0 || err != nil {
			t.Errorf("got the resources %v, %v", all, err)
		}
	})
}

// checkLine checks the page of resources, while the first of n jobs runs.
func (s *site) checkLine(r *run.Runs, n int) {
	s.t.Helper()
	all, err := r.Resources(s.t.Context())
	if err != nil || len(all) != 1 || all[0].Name != "products" || all[0].Jobs != int64(n) || len(all[0].Line) != n {
		s.t.Fatalf("got the resources %+v, %v", all, err)
	}
	for i, x := range all[0].Line {
		who, row, state := "ann", "Update", run.Queued
		if i%2 == 1 {
			who, row = "bob", "Prices"
		}
		if i == 0 {
			state = run.Running
		}
		if x.Run == nil || x.Run.User != who || x.Run.Row != row || x.Run.State != state {
			s.t.Errorf("place %d: got %+v, want %s by %s, %s", i, x.Run, row, who, state)
		}
	}
}
