package service_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/service"
)

// A cancelled call is logged as such, at WARN, and not as a timeout.
func TestCancelledIsLogged(t *testing.T) {
	t.Parallel()
	var out journal
	began := make(chan struct{}, 1)
	_, all := start(t, service.Config{Logger: out.logger()}, &Work{Func: func(ctx context.Context) (any, error) {
		began <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	for _, tc := range []struct {
		cancelled, cause error
		want             string
	}{
		{nil, nil, `err="call cancelled: by its caller"`},
		{errors.New("the client disconnected"), nil, `err="call cancelled: the client disconnected"`},
		{nil, errors.New("the socket was closed"), `err="call cancelled: the socket was closed"`},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() { <-began; cancel(tc.cause) }()
		_, err := all["work.do"].Run(ctx, service.Request{Cancelled: tc.cancelled})
		if !errors.Is(err, service.ErrTimeout) {
			t.Errorf("got %v, want ErrTimeout", err)
		}
		if got := out.take(); !strings.Contains(got, tc.want) {
			t.Errorf("got %s, want it with %s", got, tc.want)
		}
	}
}
