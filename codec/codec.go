package codec

import (
	"fmt"
	"reflect"
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
	// [Object], such as the keyword arguments of a call, must become an object with its members. A
	// codec made by [New] does so.
	Encode(v any) ([]byte, error)

	// Decode stores data in the value that v points to. Unknown members of objects are ignored; if
	// two have the same name, the last one is used. A number fits a type that can hold its value:
	// 2.0 fits an int, 2.5 does not. Null fits pointers, maps, slices and interfaces.
	Decode(data []byte, v any) error
}

// A StrictCodec is a Codec that can require the members of objects. Codecs made by [New] can.
type StrictCodec interface {
	Codec

	// DecodeStrict is like Decode, but requires members as the function [DecodeStrict] says.
	DecodeStrict(data []byte, v any) error
}

// DecodeStrict decodes as c does, and also requires each object in data to have a member for every
// field of the struct that it is decoded into, except for a field that
//
//   - has a default, a Python literal as in the tag default:"1", which is then its value,
//   - has omitempty or omitzero in its json tag,
//   - is a pointer, or a field of a struct that is embedded by a pointer.
//
// A missing member is a [*ValueError]. A type with UnmarshalJSON or UnmarshalText decides itself
// what it requires. If c is not a [StrictCodec], DecodeStrict requires nothing.
func DecodeStrict(c Codec, data []byte, v any) error {
	if s, ok := c.(StrictCodec); ok {
		return s.DecodeStrict(data, v)
	}
	return c.Decode(data, v)
}

// DecodeChecked decodes as [DecodeStrict] does, or as c.Decode if lenient is true, and also checks
// the constraints that the tags of fields have: enum, min, max, minLength, maxLength, pattern and
// format. If values violate them, v is still stored, and the error is a
// *[signature.ValidationError] with all of them. The constraints of a member that is absent, or
// null for a pointer, are not checked. If c was not made by [New], no constraints are checked.
func DecodeChecked(c Codec, data []byte, v any, lenient bool) error {
	var unlimited *Budget
	return unlimited.DecodeChecked(c, data, v, lenient)
}

// CheckPointer returns an error unless v is a pointer that Decode can store a value in. It is for
// callers that want to know before they have data.
func CheckPointer(v any) error {
	if p := reflect.ValueOf(v); p.Kind() != reflect.Pointer || p.IsNil() {
		return fmt.Errorf("cannot decode into %T: pass a pointer", v)
	}
	return nil
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

// ValidText returns text with U+FFFD in place of each sequence of bytes that is not valid UTF-8, so
// that it can be encoded.
func ValidText(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
