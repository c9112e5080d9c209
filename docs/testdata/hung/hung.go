// Package hung has the service of docs/failures.md whose method may hang.
package hung

import (
	"context"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Shop renders documents with a library that may hang.
type Shop struct {
	_ service.Name `service:"shop"`

	Entrypoints struct {
		Render rpc.Method `rpc:"render(doc)" timeout:"30s" isolate:"process" memory:"512MiB"`
	}
}

// Render renders a document.
func (*Shop) Render(_ context.Context, doc string) (string, error) { return "<p>" + doc + "</p>", nil }
