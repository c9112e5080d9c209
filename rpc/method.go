package rpc

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
)

// Method is a row of the entrypoint table: a method that is called by RPC, `rpc:"get_order(order_id)"`. The tag is the
// method's signature on the wire, as Python would write it.
//
// A further key, ack:"before", acknowledges requests before the method runs, so that none runs twice: one whose process
// died is lost, and its caller waits until its time is over.
//
// All methods of a service share the queue rpc-<service>, and all processes that host the service share it too: each
// request goes to one of them.
type Method struct{}

// Entrypoint binds the row: it implements [service.EntrypointType].
func (Method) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	sig, err := bind(r)
	ack, ackErr := ackOf(r.Tag)
	if err = errors.Join(r.Tag.Keys("rpc", "ack"), err, ackErr); err != nil {
		return nil, err
	}
	h, err := service.Shared(r.Host, newHub)
	if err != nil {
		return nil, err
	}
	return h.serve(sig.Name, &row{Row: r, ackFirst: ack == "before"})
}

// ackOf returns when the row's requests are acknowledged.
func ackOf(tag service.Tag) (string, error) {
	switch ack := tag.Get("ack"); ack {
	case "", "before":
		return ack, nil
	default:
		return "", fmt.Errorf(`ack %q is not known: write ack:"before", or leave it out to acknowledge after the reply`, ack)
	}
}

// bind binds the row's method to the signature in its tag.
func bind(r *service.Row) (*signature.Signature, error) {
	spec := r.Tag.Get("rpc")
	if err := oneWord(r.Service, spec); err != nil {
		return nil, err
	}
	return r.Bind(spec)
}

// oneWord refuses a method with a dot in its name.
func oneWord(service, spec string) error {
	if name, _, _ := strings.Cut(spec, "("); strings.Contains(name, ".") {
		return fmt.Errorf("method %q has a dot, and the binding %s.* takes one word: write %q",
			name, service, strings.ReplaceAll(name, ".", "_"))
	}
	return nil
}
