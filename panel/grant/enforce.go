package grant

import (
	"context"
	"fmt"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
)

// Enforce makes the services that it is passed with reject calls and jobs of rows with the key
// allow, unless they have a grant. The grant must be valid, signed with one of the keys, and of a
// user in all groups of the row's path.
//
//	keys, err := grant.ParseKeys(publicKeys)
//	…
//	c, err := service.New(service.Config{}, new(Shop), grant.Enforce(keys))
//
// Programs that use package runner, and gomeko run, do this with the keys in gomeko.grant_key.
func Enforce(keys *Keys) fx.Option { return service.Configure(keys.Guard()) }

// Guard returns the value that verifies the grants of calls, for programs that configure services
// without [Enforce].
func (k *Keys) Guard() service.Guard {
	return func(ctx context.Context, r *service.Row, req *service.Request) (context.Context, error) {
		g, err := k.admit(r, req)
		if err != nil {
			return nil, err
		}
		return context.WithValue(ctx, grantKey{}, g), nil
	}
}

// admit returns the grant of a call, or an error if the call may not run.
func (k *Keys) admit(r *service.Row, req *service.Request) (*Grant, error) {
	name := r.Service + "." + r.Name
	if req.Grant == "" {
		return nil, rpcerror.ErrUnauthorized.WithText(name + " is run from a control panel only: there is no grant")
	}
	if req.Admitted() {
		c, err := k.open(req.Grant)
		if err != nil {
			return nil, rpcerror.ErrUnauthorized.WithText(name + ": " + err.Error())
		}
		return c.grant(), nil
	}
	want := Want{Service: r.Service, Row: r.Name}
	if req.Job != "" {
		want.Job, want.Arguments = req.Job, Hash(req.Payload)
	}
	g, err := k.Verify(req.Grant, want)
	if err != nil {
		return nil, rpcerror.ErrUnauthorized.WithText(name + ": " + err.Error())
	}
	if group := g.Missing(r.Permission()); group != "" {
		e := rpcerror.ErrForbidden.WithText(fmt.Sprintf("%s: %q is not in the group %s", name, g.User, group))
		e.Args = append(e.Args, group)
		return nil, e
	}
	return g, nil
}

type grantKey struct{}

// From returns the grant of the call of ctx, with the user who started it and their groups. Methods
// can record it. It is nil outside of a call, in rows without allow, and if the service has no
// keys. Do not change it.
func From(ctx context.Context) *Grant {
	g, _ := ctx.Value(grantKey{}).(*Grant)
	return g
}

// With returns a context whose calls carry the text of a grant. It is for control panels and tests.
// The grant of a job depends on its message: pass jobs.Attach when enqueueing it.
func With(ctx context.Context, text string) context.Context {
	return service.Key[string](Data).With(ctx, text)
}
