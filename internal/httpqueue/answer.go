package httpqueue

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/gomeko/gomeko/transport"
)

// An answer is the head of an HTTP response on its way to a front.
type answer struct {
	status    int
	fields    http.Header
	announced []string // names of the trailers
}

// headers returns the headers of the message that carries the head.
func (a *answer) headers() transport.Table {
	t := transport.Table{statusHeader: int64(a.status), fieldsHeader: encodeFields(a.fields, always)}
	if names := encodeNames(a.announced); len(names) > 0 {
		t[announcedHeader] = names
	}
	return t
}

func always(string) bool { return true }

// readAnswer returns the head in a message.
func readAnswer(d *transport.Delivery) (*answer, error) {
	status, ok := whole(d.Headers[statusHeader])
	if !ok || status < 200 || status > 999 {
		return nil, fmt.Errorf("status: %v is not one of an answer", d.Headers[statusHeader])
	}
	a := &answer{status: int(status), announced: decodeNames(d.Headers[announcedHeader])}
	var err error
	if a.fields, err = decodeFields(d.Headers[fieldsHeader], always); err != nil {
		return nil, err
	}
	if lengths := a.fields["Content-Length"]; lengths != nil {
		if n, err := strconv.ParseUint(lengths[0], 10, 63); len(lengths) > 1 || err != nil {
			delete(a.fields, "Content-Length") // net/http marks the end of the body in another way
		} else {
			lengths[0] = strconv.FormatUint(n, 10)
		}
	}
	return a, nil
}

// write writes the head to the client. Its fields replace those that the front has set.
func (a *answer) write(w http.ResponseWriter) {
	h := w.Header()
	for name, values := range a.fields {
		h[name] = values
	}
	if _, typed := a.fields["Content-Type"]; !typed {
		h["Content-Type"] = nil // stops net/http from sniffing: the backend has done so
	}
	for _, name := range a.announced {
		h.Add("Trailer", name)
	}
	w.WriteHeader(a.status)
}

// writeTrailers sets the trailers in a message. It is called after the body.
func (a *answer) writeTrailers(w http.ResponseWriter, d *transport.Delivery) {
	fields, err := decodeFields(d.Headers[trailersHeader], mayTrail)
	if err != nil {
		return
	}
	announced := map[string]bool{}
	for _, name := range a.announced {
		announced[name] = true
	}
	for name, values := range fields {
		if !announced[name] {
			name = http.TrailerPrefix + name
		}
		w.Header()[name] = values
	}
}

// bodyAllowed reports whether a response with the status may have a body.
func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}
