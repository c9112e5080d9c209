package codec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Codec encodes values as message bodies and decodes them. [JSON], [TypedJSON] and msgpack.Codec
// support the values that the package comment lists. A Codec must be safe for concurrent use.
type Codec interface {
	// ContentType returns the media type of encoded data, such as "application/json".
	ContentType() string

	// ContentEncoding returns the content encoding of encoded data: "utf-8" for text, otherwise
	// "binary".
	ContentEncoding() string

	// Encode returns the encoding of v, or an error if v, or a value in it, cannot be encoded. An
	// [Object] must become an object with its members: keyword arguments of calls are one. A codec
	// made by [New] does so.
	Encode(v any) ([]byte, error)

	// Decode stores data in the value that v points to. Unknown members of objects are ignored; if
	// two have the same name, the last one is used. A number fits a type that can hold its value:
	// 2.0 fits an int, 2.5 does not. Null fits pointers, maps, slices and interfaces.
	Decode(data []byte, v any) error
}

// A Splitter is a Codec that can take encoded data apart without decoding all of it. RPC splits
// each request into its arguments, which are then decoded into the types of the method's
// parameters. [Split] returns a Splitter for any Codec.
type Splitter interface {
	Codec

	// List returns the encoded elements of an encoded list.
	List(data []byte) ([][]byte, error)

	// Map returns the members of an encoded object, in their order.
	Map(data []byte) ([]Member, error)

	// Kind returns the kind of the encoded value. It looks only at the beginning of data.
	Kind(data []byte) Kind
}

// A Member is a member of an encoded object: its name and its encoded value.
type Member struct {
	Name  string
	Value []byte
}

// An Object is a Go value that is encoded as an object with these members, in this order.
type Object interface {
	Members() (names []string, values []any, err error)
}

// A Kind is the kind of an encoded value. Its text is meant for error messages.
type Kind string

// The kinds of encoded values. JSON has no KindBytes: bytes are encoded as a string.
const (
	KindNone   Kind = "nothing" // no data, or not valid
	KindNull   Kind = "null"
	KindBool   Kind = "a bool"
	KindNumber Kind = "a number"
	KindString Kind = "a string"
	KindBytes  Kind = "bytes"
	KindList   Kind = "a list"
	KindObject Kind = "an object"
)

// A valueError says why a value cannot be encoded or decoded, and where in the whole value it is.
type valueError struct {
	reason string
	path   []string // innermost first
}

func valueErrorf(format string, args ...any) error {
	return &valueError{reason: fmt.Sprintf(format, args...)}
}

// Error returns the path and the reason: "friends: [1]: age: null does not fit uint8".
func (e *valueError) Error() string {
	path := e.path
	if len(path) > 20 {
		path = append(slices.Clone(path[:10]), "…")
	}
	var b strings.Builder
	for _, step := range slices.Backward(path) {
		b.WriteString(step)
		b.WriteString(": ")
	}
	return b.String() + e.reason
}

// inMember adds the name of a member to the path of err, if err is a valueError.
func inMember(err error, name string) error {
	if e, ok := err.(*valueError); ok { //nolint:errorlint // it is never wrapped
		e.path = append(e.path, name)
	}
	return err
}

// inElement adds the index of an element to the path of err, if err is a valueError.
func inElement(err error, i int) error {
	if err == nil {
		return nil
	}
	return inMember(err, "["+strconv.Itoa(i)+"]")
}

// doesNotFit is the error of a value of kind what that a Go type cannot hold.
func doesNotFit(what Kind, t fmt.Stringer) error { return valueErrorf("%s does not fit %s", what, t) }

// writeError makes err, an error of a [Writer], a valueError. It returns nil if err is nil.
func writeError(err error) error {
	if err == nil {
		return nil
	}
	return &valueError{reason: err.Error()}
}

// ValidText returns text with U+FFFD in place of each sequence of bytes that is not valid UTF-8, so
// that it can be encoded.
func ValidText(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
