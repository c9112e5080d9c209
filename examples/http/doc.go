// Package httpservice has the HTTP examples of Nameko's documentation: values in paths, bodies,
// statuses, headers, answers of one's own, and errors as JSON; and that of websockets. It needs no
// broker.
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
// (The headers Date and X-Request-Id are left out.) /get/abc is answered 404: the method takes an
// int.
//
// # Errors
//
// [InvalidArguments] says what its status is. As JSON, with a code, errors go out by the hook of
// [Module]; without it the answer is a line, "Error: InvalidArguments: Argument `foo` is required."
//
// # Websockets
//
// [WebsocketRPC] is at /ws, for whoever sends {"method": "echo", "data": {"value": "hellø"},
// "correlation_id": 1}. See examples/board for browsers that are told of what happens.
package httpservice
