package rpc

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/sequence"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
)

// Method is a row of the entrypoint table: it serves a method by RPC, as in
// `rpc:"get_order(order_id)"`. The tag is the method's signature as Python would write it.
//
// By default a request is acknowledged after the reply is sent, and runs again if the process dies
// before that. With ack:"before" it is acknowledged before the method runs, and never runs twice:
// if the process dies, the request is lost and its caller times out.
//
// With retry:"200ms 1s" a call that fails runs again in the same process, after 200 ms and then
// after 1 s, and the caller gets the outcome of the last attempt: see Retries in the package
// comment.
//
// All methods of a service, in all processes that host it, share the queue rpc-<service>. Each
// request goes to one of the processes.
type Method struct{}

// Entrypoint binds the row: it implements [service.EntrypointType].
func (Method) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	sig, err := bind(r)
	ack, ackErr := ackOf(r.Tag)
	delays, retryErr := retryOf(r.Tag, ack)
	if err = errors.Join(r.Tag.Keys("rpc", "ack", "retry"), err, ackErr, retryErr); err != nil {
		return nil, err
	}
	sh, err := service.Shared(r.Host, newShared)
	if err != nil {
		return nil, err
	}
	if err := checkTypes(sh.connection.Accepts(), sig, r.Result()); err != nil {
		return nil, err
	}
	return sh.serve(sig.Name, &row{Row: r, takes: sig.Takes(), ackFirst: ack == "before", streams: r.Item() != nil, uploads: uploads(r), delays: delays})
}

// uploads reports whether the row's method takes an iterator.
func uploads(r *service.Row) bool {
	return slices.ContainsFunc(r.Params(), func(t reflect.Type) bool { return sequence.Item(t) != nil })
}

// Isolatable says that rows may have isolate:"process".
func (Method) Isolatable() bool { return true }

// Describe implements [service.RowDescriber].
func (Method) Describe(r *service.Row) service.Description {
	name := r.Signature().Name
	return service.Description{Details: map[string]any{"queue": queueOf(r.Service), "key": r.Service + "." + name}}
}

// checkTypes returns an error for each argument that can never be decoded, and one for a result
// that can never be encoded.
func checkTypes(codecs codec.Set, sig *signature.Signature, result reflect.Type) error {
	var mistakes []error
	for _, p := range sig.Params {
		mistakes = append(mistakes, codecs.CheckDecode("parameter", p.Name, p.Type))
	}
	if result != nil {
		mistakes = append(mistakes, codecs.CheckEncode("result", "", result))
	}
	return errors.Join(mistakes...)
}

// ackOf returns when the row's requests are acknowledged.
func ackOf(tag service.Tag) (string, error) {
	switch ack := tag.Get("ack"); ack {
	case "", "before":
		return ack, nil
	default:
		return "", fmt.Errorf(`ack %q is not known: write ack:"before", or omit ack to acknowledge after the reply`, ack)
	}
}

// bind binds the row's method to the signature in its tag.
func bind(r *service.Row) (*signature.Signature, error) {
	spec := r.Tag.Get("rpc")
	if err := oneWord(r.Service, spec); err != nil {
		return nil, err
	}
	r.UseGrants()
	return r.Bind(spec)
}

// oneWord returns an error if the method's name contains a dot.
func oneWord(service, spec string) error {
	if name, _, _ := strings.Cut(spec, "("); strings.Contains(name, ".") {
		return fmt.Errorf("method %q contains a dot, and the binding %s.* matches one word: write %q",
			name, service, strings.ReplaceAll(name, ".", "_"))
	}
	return nil
}
