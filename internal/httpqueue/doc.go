// Package httpqueue carries HTTP requests over a broker, for [web.Backend] and [web.Front].
//
// A front publishes each request to the queue of a backend, gomeko.http.<name>. A process with the
// backend runs it and sends the answer to the front's queue. A small body is part of the message. A
// larger one is sent in parts, for which its reader grants credit: see [outflow] and [inflow].
// docs/wire/backend.md describes the messages.
//
// The files in the order of a request: front.go, exchange.go, request.go, backend.go, writer.go,
// answer.go.
package httpqueue
