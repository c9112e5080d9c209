// Package admin serves what the people who operate a process ask it for, on an address of its own:
// whether it is alive and ready, how its dependencies are, which calls run, profiles for "go tool
// pprof", and what other packages add, such as metrics. It needs no routes and no broker, and
// answers while the process starts and stops.
//
// A process that package runner runs serves it if the configuration says where:
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
//	/live          200 while the process answers; it asks nothing outside of the process
//	/ready         200, or 503 and the reason, as with gomeko.web.ready_path
//	/health        the state of the process, of each dependency and of paused rows, as JSON
//	/dump          the calls that run, with their stacks, as JSON
//	/debug/pprof/  profiles
//
// and those of every [Handler] that a module configures.
//
// # Who may ask
//
// Nobody has to log in: whoever reaches the address may read all of it. So it should be on
// loopback, or a unix socket that only the user of the process may open. On loopback, requests are
// refused that a browser sends for a page of another site. On any other address the process logs a
// warning.
package admin
