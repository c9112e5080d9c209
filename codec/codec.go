package codec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Codec turns values into message bodies and back: [JSON], [TypedJSON] or [MessagePack]. What becomes of which Go type
// is in the package's section on values. A Codec may be used by several goroutines.
type Codec interface {
	ContentType() string     // application/json
	ContentEncoding() string // utf-8

	// Encode returns v's body. What Python has no value for is an error: functions, channels, text that is not UTF-8.
	Encode(v any) ([]byte, error)

	// Decode reads data into the pointer v. Unknown keys of objects are ignored, and of two equal ones the last counts.
	// Numbers convert where nothing is lost: 2.0 fits an int, 2.5 does not. A null fits pointers, maps, slices and any.
	Decode(data []byte, v any) error

	// List splits an encoded list into its encoded elements; Map an encoded object, in the order of its keys. The error
	// says what was there instead.
	List(data []byte) ([][]byte, error)
	Map(data []byte) ([]Member, error)

	// Kind tells what is encoded, by its first bytes.
	Kind(data []byte) Kind
}

// A Member is one name and value of an encoded object.
type Member struct {
	Name  string
	Value []byte
}

// An Object is encoded as one, with these members in this order.
type Object interface {
	Members() (names []string, values []any, err error)
}

// A Kind is what an encoded value is.
type Kind string

// The kinds of values. Bytes are msgpack's only: in JSON they are a string.
const (
	KindNone   Kind = "nothing" // no data, or none of the codec's
	KindNull   Kind = "null"
	KindBool   Kind = "a bool"
	KindNumber Kind = "a number"
	KindString Kind = "a string"
	KindBytes  Kind = "bytes"
	KindList   Kind = "a list"
	KindObject Kind = "an object"
)

// deepest is how deep lists and objects may be nested.
const deepest = 10_000

// A reader takes one value of an encoding apart. Only what kind has told may be read.
type reader interface {
	kind() (Kind, error)
	null() error
	bool() (bool, error)
	number() (number, error)
	text() ([]byte, error)  // of a string; valid until the next call
	bytes() ([]byte, error) // valid until the next call
	skip() error

	// open enters a list or an object and returns its length, -1 if that is not known yet; next moves to member i and
	// reports whether there is one; key reads a member's name.
	open() (n int, err error)
	next(i, n int, of Kind) (bool, error)
	key() ([]byte, error)

	at() int             // position
	back(at int)         // to a position at this depth
	since(at int) []byte // what was read since then
	leave()              // a list or object whose end was not read
	end() error          // an error if there is more after the value
}

// A writer puts one value of an encoding together.
type writer interface {
	null()
	bool(bool)
	int(int64)
	uint(uint64)
	float(f float64, bits int)
	number(string) error // in JSON's spelling
	text(string) error
	bytes([]byte)

	// list and object begin one of n members. item comes before member i of a list, key before one of an object, and
	// close after the last.
	list(n int)
	object(n int)
	item(i int)
	key(i int, name string) error
	close(of Kind)
}

// A misfit says why a value cannot be read or written, and where it is.
type misfit struct {
	why   string
	where []string // innermost first
}

func misfitf(format string, args ...any) error { return &misfit{why: fmt.Sprintf(format, args...)} }

// Error returns path and reason: "friends: [1]: age: null does not fit uint8".
func (m *misfit) Error() string {
	where := m.where
	if len(where) > 20 {
		where = append(slices.Clone(where[:10]), "…")
	}
	var b strings.Builder
	for _, w := range slices.Backward(where) {
		b.WriteString(w)
		b.WriteString(": ")
	}
	return b.String() + m.why
}

// within adds where to the error of a value, if there is one.
func within(err error, where string) error {
	if m, ok := err.(*misfit); ok { //nolint:errorlint // it is never wrapped
		m.where = append(m.where, where)
	}
	return err
}

func withinItem(err error, i int) error {
	if err == nil {
		return nil
	}
	return within(err, "["+strconv.Itoa(i)+"]")
}

func unfit(what Kind, t fmt.Stringer) error {
	if what == KindNumber {
		what = "number"
	}
	return misfitf("%s does not fit %s", what, t)
}
