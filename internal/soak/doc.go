// Package soak only contains tests. They put load on services in several processes, while processes
// are killed, connections are cut, and the broker is stopped and started.
//
// The tests take seconds, or minutes with GOMEKO_SOAK=1, which `make soak` sets. A random seed
// selects the failures and their order. Each run prints its seed. GOMEKO_SOAK_SEED repeats a run,
// as far as the load of the machine allows.
package soak
