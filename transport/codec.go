package transport

// A Codec turns values into message bodies and back. JSON is the only one so far;
// msgpack comes beside it. A Codec may be used by several goroutines.
type Codec interface {
	ContentType() string     // application/json
	ContentEncoding() string // utf-8
	Encode(v any) ([]byte, error)
	// Decode reads data into the pointer v. Unknown keys of objects are ignored. Numbers
	// convert where nothing is lost: 2.0 fits an int, 2.5 does not. A number for an any is
	// a json.Number, so that 2.0 stays apart from 2.
	Decode(data []byte, v any) error
	// List splits an encoded list into its encoded elements; Map an encoded object,
	// in the order of its keys. The error says what was there instead.
	List(data []byte) ([][]byte, error)
	Map(data []byte) ([]Member, error)
}

// A Member is one name and value of an encoded object.
type Member struct {
	Name  string
	Value []byte
}
