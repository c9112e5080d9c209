package service_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomeko/gomeko/service"
)

// Four calls share two workers when the stop begins: the first ends and its worker begins another,
// the third never ends, and the last never begins.
func TestDrainIsLogged(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		calls int
		want  string
	}{
		"nothing runs": {0, "level=INFO msg=drained finished=0 cut_off=0 given_back=0\n"},
		"all finish":   {1, "level=INFO msg=drained finished=1 cut_off=0 given_back=0\n"},
		"cut short":    {4, "level=WARN msg=drained finished=1 cut_off=2 given_back=1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				one, rest, log := make(chan struct{}, 1), make(chan struct{}), &journal{}
				all := triggers{}
				c, err := service.New(service.Config{MaxWorkers: 2, Logger: log.logger()},
					&Work{Func: func(context.Context) (any, error) {
						select {
						case <-one:
						case <-rest:
						}
						return nil, nil
					}}, service.Configure(all))
				if err != nil {
					t.Fatal(err)
				}
				if err := c.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				do := all["work.do"]
				for range test.calls {
					do.Go(func(ctx context.Context) { _, _ = do.Run(ctx, service.Request{}) })
				}
				synctest.Wait()
				time.AfterFunc(time.Second, func() { one <- struct{}{} })
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if err := c.Stop(ctx); (err == nil) != (test.calls < 2) {
					t.Errorf("got %v from Stop", err)
				}
				if got := log.take(); !strings.HasSuffix(got, test.want) || strings.Count(got, "drained") != 1 {
					t.Errorf("got\n%swant at its end, once\n%s", got, test.want)
				}
				close(rest)
			})
		})
	}
}
