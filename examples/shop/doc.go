// Package shop is the system from a talk about distributed services with Django, Boto and SQS
// queues: long-running processes of a shop, which other teams start from a control panel, and which
// must not run at the same time if they use the same database or bucket.
//
//	gomeko run ./examples/shop
//
//	$ curl -X POST localhost:8000/availability/update?test_only=true
//	{"id":"01a226a5-83bb-7edd-b720-7ffd49097031"}
//	$ gomeko jobs resources
//
// The talk uses a queue for each shared resource instead of each service, and a loop that reads the
// queue. Here, a row only has to name the resource that its jobs use. Jobs of [Products] and of
// [Indexer] share the products, so they run one at a time, in the order in which they were
// enqueued, however many processes run. The store of jobs enforces this, so all services that name
// a resource must share one store.
package shop
