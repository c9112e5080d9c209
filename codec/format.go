package codec

// A Format describes an encoding for which [New] makes a Codec. The codec maps Go values to the
// values of the encoding: null, bools, numbers, strings, bytes, lists and objects. The format reads
// and writes these.
type Format struct {
	Name            string // in error messages: "msgpack"
	ContentType     string // "application/x-msgpack"
	ContentEncoding string // "binary", or "utf-8" for text

	// NewReader and NewWriter return a reader and a writer. The codec uses each for many values,
	// one after another.
	NewReader func() Reader
	NewWriter func() Writer
}

// A Reader reads encoded data of a [Format], value by value.
//
// The codec calls Kind first, and then the method that reads a value of this kind: Null, Bool,
// Number, Text, Bytes or Open. After Open it reads the elements of the list, or a Key and a value
// for each member of the object. Errors describe what is wrong with the data and at which byte.
type Reader interface {
	// Reset makes the Reader read data from its beginning. After Reset(nil) it holds no reference
	// to earlier data.
	Reset(data []byte)

	// Kind returns the kind of the value that comes next, and moves to its first byte.
	Kind() (Kind, error)

	Null() error
	Bool() (bool, error)
	Number() (Number, error)

	// Text and Bytes return the content of a string and of bytes. The result is valid until the
	// next call. Text must be valid UTF-8, but may have the surrogates that UTF-8 does not allow.
	Text() ([]byte, error)
	Bytes() ([]byte, error)

	// Open enters a list or an object. It returns the number of its elements or members, or -1 if
	// the format does not say. It must return an error if data is too short for that number.
	Open(of Kind) (n int, err error)

	// Next is called in a list or object of unknown length before element or member i. It moves to
	// it and returns true, or moves behind the end of the list or object and returns false.
	Next(of Kind, i int) (bool, error)

	// Key reads the name of a member. The result is valid until the next call.
	Key() ([]byte, error)

	// At returns the position in data. Back moves to an earlier position, of the same or of an
	// outer list or object.
	At() int
	Back(at int)

	// End returns an error if data follows the value.
	End() error
}

// A Writer writes encoded data of a [Format], value by value. Its errors say why a value cannot be
// written; the codec adds where it is.
type Writer interface {
	// Reset begins a new value. Data returns what was written since; it is valid until the next
	// Reset. Its error is that of any method which returns none.
	Reset()
	Data() ([]byte, error)

	Null()
	Bool(b bool)
	Int(i int64)
	Uint(u uint64)
	Float(f float64, bits int)

	// Number writes a number that is given in the syntax of JSON, of any size and precision. The
	// text may also be NaN, Infinity or -Infinity.
	Number(text string) error

	Text(text string) error
	Bytes(b []byte)

	// Open begins a list or an object with n elements or members. Element comes before element i of
	// a list, Key before the value of member i of an object. Close comes after the last one.
	Open(of Kind, n int)
	Element(i int)
	Key(i int, name string) error
	Close(of Kind)
}
