//go:build unix

package isolate_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/gomeko/gomeko/service"
)

// Gate has an isolated method that only some callers may run.
type Gate struct {
	_ service.Name `service:"gate"`

	Entrypoints struct {
		Enter Button `button:"enter" isolate:"process" allow:"staff"`
	}
}

type visitor struct{}

func (*Gate) Enter(ctx context.Context) (string, error) {
	who, _ := ctx.Value(visitor{}).(string)
	return who, nil
}

var errStranger = errors.New("who are you?")

// guard admits callers who know the name. In a child, it relies on the parent's decision.
var guard = service.Configure(service.Guard(func(ctx context.Context, _ *service.Row, req *service.Request) (context.Context, error) {
	if req.Admitted() {
		return context.WithValue(ctx, visitor{}, req.Grant+", admitted"), nil
	}
	if req.Grant != "ann" {
		return nil, errStranger
	}
	return ctx, nil
}))

// TestGuardOfChild checks that a method in a child gets what its guard knows.
func TestGuardOfChild(t *testing.T) {
	l := start(t)
	if got, err := l.rows["Enter"].Run(t.Context(), service.Request{Grant: "ann"}); err != nil || fmt.Sprintf("%s", got) != `"ann, admitted"` {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := l.rows["Enter"].Run(t.Context(), service.Request{Grant: "eve"}); !errors.Is(err, errStranger) {
		t.Errorf("got %v, want %v", err, errStranger)
	}
}
