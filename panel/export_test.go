package panel

import (
	"context"
	"time"
)

// Refresh asks the fleet which services run.
func (p *Panel) Refresh(ctx context.Context) { p.catalog.refresh(ctx) }

// Forget marks services that no longer answer as stopped.
func (p *Panel) Forget() { p.catalog.forgetInstances(nil, time.Now().Add(unseenTime)) }

// Local returns the page that a login opens.
var Local = local

// Words splits the name of a row.
var Words = words

// SetPing sets the time between two pings of a stream. It must be called before the first one.
func (p *Panel) SetPing(d time.Duration) { p.ping = d }
