package fleet

import (
	"github.com/gomeko/gomeko/internal/httpqueue"
	"github.com/gomeko/gomeko/web"
)

// HTTP returns what carries the requests of [web.Front] to [web.Backend], by queues of the broker
// of the container's transport.Config. Package runner and package servicetest configure it; other
// programs add it to their services:
//
//	service.Configure(fleet.HTTP())
func HTTP() web.Queues { return web.Queues{Backend: httpqueue.Backend, Front: httpqueue.Front} }
