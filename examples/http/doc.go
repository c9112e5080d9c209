// Package httpservice implements the HTTP and websocket examples from Nameko's documentation: values
// in paths, bodies, statuses, headers, a response that the method writes itself, and errors as JSON.
// It needs no broker.
//
//	gomeko run ./examples/http
//
//	$ curl -i localhost:8000/get/42
//	HTTP/1.1 200 OK
//	Content-Length: 13
//	Content-Type: text/plain; charset=utf-8
//
//	{"value": 42}
//
//	$ curl -i -d "post body" localhost:8000/post
//	HTTP/1.1 200 OK
//	Content-Length: 19
//	Content-Type: text/plain; charset=utf-8
//
//	received: post body
//
// (The headers Date and X-Request-Id are omitted.) The response to /get/abc is 404, because the
// method takes an int.
//
// # Errors
//
// [InvalidArguments] chooses its status. The hook of [Module] sends errors as JSON with a code.
// Without it, the response is the line "Error: InvalidArguments: Argument `foo` is required."
//
// # Websockets
//
// [WebsocketRPC] serves /ws. A client sends {"method": "echo", "data": {"value": "hellø"},
// "correlation_id": 1}. See examples/board for events sent to browsers.
package httpservice
