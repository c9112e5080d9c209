package jobs

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomeko/gomeko/jobs/store"
)

// TestManyWaiters lets a thousand goroutines wait for jobs. Their rows are read without payloads
// and results until they have ended.
func TestManyWaiters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var done atomic.Bool
		var mu sync.Mutex
		looks, gets := 0, map[string]int{}
		rows := func(ids []string, result string) (found []store.Job) {
			for _, id := range ids {
				j := store.Job{ID: id, State: store.Running}
				if done.Load() {
					j.State, j.Result = store.Succeeded, []byte(result)
				}
				found = append(found, j)
			}
			return found
		}
		p := newPoller(store.Open(nil, store.SQLite(), "none"))
		p.look = func(_ context.Context, ids ...string) ([]store.Job, error) {
			mu.Lock()
			defer mu.Unlock()
			looks++
			return rows(ids, ""), nil
		}
		p.get = func(_ context.Context, ids ...string) ([]store.Job, error) {
			mu.Lock()
			defer mu.Unlock()
			for _, id := range ids {
				gets[id]++
			}
			return rows(ids, "1"), nil
		}
		var waiting sync.WaitGroup
		for i := range 1000 {
			waiting.Go(func() {
				if o, err := p.wait(t.Context(), fmt.Sprint(i%250)); err != nil || string(o.Result()) != "1" {
					t.Errorf("got %+v, %v", o, err)
				}
			})
		}
		time.Sleep(time.Minute)
		mu.Lock()
		if len(gets) > 0 {
			t.Errorf("read %d rows that had not ended", len(gets))
		}
		if looks > 150 {
			t.Errorf("looked %d times in a minute", looks)
		}
		mu.Unlock()
		done.Store(true)
		waiting.Wait()
		p.close()
		for id, n := range gets {
			if n != 1 {
				t.Errorf("read job %s %d times", id, n)
			}
		}
	})
}

// A hung is a database that does not answer.
type hung struct{}

func (hung) Connect(ctx context.Context) (driver.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (hung) Driver() driver.Driver { return nil }

// TestHungStore enqueues a job, and queries one, while the store does not answer.
func TestHungStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := store.Open(sql.OpenDB(hung{}), store.PostgreSQL(), "postgres://hung/jobs")
		defer s.Close()
		e, err := NewEnqueuer(t.Context(), nil, Config{Store: s})
		if err != nil {
			t.Fatal(err)
		}
		c := e.Client("images")
		ref := Ref[int]{&handle{enqueuer: e, id: "1", service: "images", name: "resize"}}
		for name, f := range map[string]func(context.Context) error{
			"enqueue": func(ctx context.Context) error { _, err := c.Enqueue(ctx, "resize"); return err },
			"find":    func(ctx context.Context) error { _, err := Find[int](ctx, c, "1"); return err },
			"status":  func(ctx context.Context) error { _, err := ref.Status(ctx); return err },
			"cancel":  ref.Cancel,
		} {
			began := time.Now()
			err := f(context.Background())
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "postgres://hung/jobs") || time.Since(began) != sendTime {
				t.Errorf("%s: %v after %s", name, err, time.Since(began))
			}
		}
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
