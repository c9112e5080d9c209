package mistakes

import (
	"context"
	"iter"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

type Printers struct {
	_ service.Name `service:"printers"`

	Entrypoints struct {
		Pages  rpc.Method `rpc:"pages(doc)" isolate:"process"`
		Print  rpc.Method `rpc:"print(doc)" isolate:"process" memory:"32MiB"`
		Cancel rpc.Method `rpc:"cancel(doc)" memory:"1GiB"`
		Show   web.Route  `web:"GET /printers" isolate:"process"`
	}
}

func (*Printers) Pages(_ context.Context, doc string) (iter.Seq2[string, error], error) {
	return nil, nil
}

func (*Printers) Print(_ context.Context, doc string) error  { return nil }
func (*Printers) Cancel(_ context.Context, doc string) error { return nil }
func (*Printers) Show(context.Context) (string, error)       { return "", nil }
