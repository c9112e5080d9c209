package panel

import (
	"context"
	"time"
)

// Refresh asks the fleet who is there.
func (p *Panel) Refresh(ctx context.Context) { p.catalog.refresh(ctx) }

// Forget has the services that do not answer any more count as ones that do not run.
func (p *Panel) Forget() { p.catalog.forgetInstances(nil, time.Now().Add(unseenTime)) }

// Local returns the page that a login opens.
var Local = local

// Words splits the name of a row.
var Words = words

// SetPing sets the time between two pings of a stream. It is called before the first one.
func (p *Panel) SetPing(d time.Duration) { p.ping = d }
