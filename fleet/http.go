package fleet

import (
	"github.com/gomeko/gomeko/internal/httpqueue"
	"github.com/gomeko/gomeko/web"
)

// HTTP returns the transport for requests from [web.Front] to [web.Backend], which uses queues on
// the broker of the container's transport.Config. Package runner and package servicetest configure
// it; other programs add it to their services:
//
//	service.Configure(fleet.HTTP())
func HTTP() web.Queues { return web.Queues{Backend: httpqueue.Backend, Front: httpqueue.Front} }
