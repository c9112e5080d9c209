// Package crew is the application from an article about crew, a Python module with which Tornado
// hands tasks to workers over AMQP: a web process that never blocks, and workers behind a queue.
//
//	gomeko run ./examples/crew
//
//	$ curl localhost:8000/stat
//	string: I'm worker "vm1/4711-9f3c". And I serve 1 tasks
//
// [Web] is the article's master.py, and [Worker] its worker.py. Each is a service, so they can run
// in separate processes. The page http://localhost:8000/page/ subscribes and publishes. The workers
// also serve a web application behind a queue, which the article wishes for: see site.go.
//
// docs/crew.md runs every request of the article, and explains the differences from crew.
package crew
