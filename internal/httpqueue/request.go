package httpqueue

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/transport"
)

// MaxBody is the size of the largest body that fits into the message of a request. A larger one is
// sent in parts.
const MaxBody = 256 << 10

// A request is an HTTP request on its way through a queue.
type request struct {
	method, target, host, scheme, remote string

	fields    http.Header
	length    int64 // of the body; -1 if unknown
	streamed  bool  // the body is sent in parts
	body      []byte
	announced []string    // names of the trailers
	trailers  http.Header // if the body is not streamed
}

// requestOf returns the request that a front forwards for r. id is its request id.
func requestOf(r *http.Request, body []byte, streamed bool, id string) *request {
	m := &request{
		method: r.Method, target: r.URL.RequestURI(), host: r.Host, scheme: "http", remote: r.RemoteAddr,
		fields: r.Header.Clone(), length: r.ContentLength, streamed: streamed, body: body,
		announced: slices.Collect(maps.Keys(r.Trailer)),
	}
	if r.TLS != nil {
		m.scheme = "https"
	}
	if !streamed {
		m.trailers = r.Trailer // they have arrived with the body
	}
	if m.fields == nil {
		m.fields = http.Header{}
	}
	for name := range named(m.fields) { // before the front adds its own fields, which Connection may name
		delete(m.fields, name)
	}
	delete(m.fields, "Connection")
	m.fields.Set("X-Request-Id", id)
	before := strings.Join(m.fields["Forwarded"], ", ")
	if before != "" {
		before += ", "
	}
	m.fields.Set("Forwarded", before+forwarded(r.RemoteAddr, r.Host, m.scheme))
	return m
}

// crossesToBackend reports whether a field of a request is forwarded as a field. The others have
// their own message headers.
func crossesToBackend(name string) bool {
	return name != "Content-Length" && name != "Host"
}

// headers returns the headers of the request's message.
func (m *request) headers() transport.Table {
	t := transport.Table{
		methodHeader: m.method, targetHeader: m.target, hostHeader: m.host, schemeHeader: m.scheme,
		remoteHeader: m.remote, lengthHeader: m.length, fieldsHeader: encodeFields(m.fields, crossesToBackend),
	}
	if m.streamed {
		t[streamHeader] = true
	}
	if names := encodeNames(m.announced); len(names) > 0 {
		t[announcedHeader] = names
	}
	if trailers := encodeFields(m.trailers, mayTrail); len(trailers) > 0 {
		t[trailersHeader] = trailers
	}
	return t
}

// readRequest returns the request in a message. It validates everything: what net/http would reject
// in a request is an error here.
func readRequest(d *transport.Delivery) (*request, error) {
	m := &request{
		method: text(d, methodHeader), target: text(d, targetHeader), host: text(d, hostHeader),
		scheme: text(d, schemeHeader), remote: text(d, remoteHeader), body: d.Body,
	}
	m.streamed, _ = d.Headers[streamHeader].(bool)
	var ok bool
	m.length, ok = whole(d.Headers[lengthHeader])
	switch {
	case d.Type != requestType:
		return nil, fmt.Errorf("type %.40q, must be %s", d.Type, requestType)
	case d.ReplyTo == "" || d.CorrelationID == "":
		return nil, errors.New("reply_to or correlation_id is missing")
	case !isToken(m.method) || m.method == http.MethodConnect:
		return nil, fmt.Errorf("method: %.40q cannot be forwarded", m.method)
	case m.scheme != "http" && m.scheme != "https":
		return nil, fmt.Errorf("scheme: must be http or https, not %.40q", m.scheme)
	case !isHost(m.host):
		return nil, fmt.Errorf("host: %.40q is not a host", m.host)
	case !isValue(m.remote):
		return nil, errors.New("remote: is not an address")
	case !ok || m.length < -1:
		return nil, errors.New("length: must be an integer, -1 if it is unknown")
	case !m.streamed && m.length >= 0 && m.length != int64(len(m.body)) && m.method != http.MethodHead:
		return nil, fmt.Errorf("length: is %d, but the body has %d bytes", m.length, len(m.body))
	case m.streamed && len(m.body) > 0:
		return nil, errors.New("the body comes in parts, but the message has one too")
	}
	var err error
	if m.fields, err = decodeFields(d.Headers[fieldsHeader], crossesToBackend); err != nil {
		return nil, err
	}
	if m.trailers, err = decodeFields(d.Headers[trailersHeader], mayTrail); err != nil {
		return nil, fmt.Errorf("trailers: %w", err)
	}
	m.announced = decodeNames(d.Headers[announcedHeader])
	_, err = m.url()
	return m, err
}

// url returns the target as a URL, parsed as net/http does.
func (m *request) url() (*url.URL, error) {
	if m.target == "*" && m.method == http.MethodOptions {
		return &url.URL{Path: "*"}, nil
	}
	for i := range len(m.target) {
		if c := m.target[i]; c <= ' ' || c == 0x7f || c == '#' {
			return nil, errors.New("target: has a character that a target cannot have")
		}
	}
	if !strings.HasPrefix(m.target, "/") {
		return nil, fmt.Errorf("target: must begin with a slash, not %.40q", m.target)
	}
	u, err := url.ParseRequestURI(m.target)
	if err != nil {
		return nil, errors.New("target: is not one of HTTP")
	}
	return u, nil
}

// repeatable reports whether the request may be run again even if it may have run before, because
// its method is idempotent or its client says that it is safe.
func (m *request) repeatable() bool {
	switch m.method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodTrace:
		return true
	}
	return m.fields.Get("Idempotency-Key") != ""
}

// http returns the request for the handler. If the body is streamed, the caller must set it.
func (m *request) http() *http.Request {
	u, _ := m.url() // readRequest has checked the target
	r := &http.Request{
		Method: m.method, URL: u, Host: m.host, RemoteAddr: m.remote, RequestURI: m.target,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: m.fields, ContentLength: m.length, Body: http.NoBody,
	}
	if m.length < 0 {
		r.TransferEncoding = []string{"chunked"}
	}
	if m.length > 0 {
		r.Header.Set("Content-Length", fmt.Sprint(m.length))
	}
	for _, name := range m.announced {
		if r.Trailer == nil {
			r.Trailer = http.Header{}
		}
		r.Trailer[name] = nil
	}
	return r
}
