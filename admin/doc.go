// Package admin serves information for operators on a separate HTTP address: liveness and readiness,
// the health of dependencies, running calls, profiles for "go tool pprof", and whatever other
// packages add, such as metrics. It needs neither routes nor a broker, and answers while the process
// starts and stops.
//
// A process run by package runner serves it if the configuration has an address:
//
//	gomeko:
//	  admin: 127.0.0.1:9090        # or unix:/run/orders/admin.sock, with mode 0600
//
// Then:
//
//	$ curl 127.0.0.1:9090/ready
//	ready
//	$ curl --unix-socket /run/orders/admin.sock http://admin/health
//	{"schema":"gomeko.health/v1","ready":true,…}
//	$ go tool pprof http://127.0.0.1:9090/debug/pprof/heap
//
// The paths are
//
//	/              the list of paths
//	/live          200 while the process answers; checks nothing outside the process
//	/ready         200, or 503 and the reason, as with gomeko.web.ready_path
//	/health        the state of the process, of each dependency and of paused rows, as JSON
//	/dump          the running calls, with their stacks, as JSON
//	/debug/pprof/  profiles
//
// and those of every [Handler] that a module configures.
//
// # Access
//
// The address has no authentication: anyone who can reach it can read everything. Use a loopback
// address, or a unix socket, which only the user of the process may open. On a loopback address,
// requests that a browser sends for a page of another site are refused. On any other address, the
// process logs a warning.
package admin
