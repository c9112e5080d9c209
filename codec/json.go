package codec

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
)

// JSON is the codec of application/json; utf-8, Nameko's default. It writes as kombu 5.2 does, times and decimals as
// strings, and reads what every kombu writes.
var JSON Codec = new(jsonCodec)

// TypedJSON is [JSON] that writes as kombu 5.3 and newer does: times, dates, decimals, UUIDs and bytes in envelopes,
// {"__type__": "date", "__value__": "2024-01-02"}, which these read as what they are. To an older one they are objects.
var TypedJSON Codec = &jsonCodec{typed: true}

type jsonCodec struct {
	typed    bool
	plans    plans
	encoders sync.Pool // of *encoder, of a *jsonWriter
	readers  sync.Pool // of *jsonReader
}

func (*jsonCodec) ContentType() string     { return "application/json" }
func (*jsonCodec) ContentEncoding() string { return "utf-8" }

func (c *jsonCodec) Encode(v any) ([]byte, error) {
	e, _ := c.encoders.Get().(*encoder)
	if e == nil {
		e = &encoder{w: new(jsonWriter), plans: &c.plans, typed: c.typed}
	}
	w := e.w.(*jsonWriter)
	w.data = w.data[:0]
	if err := e.any(v); err != nil {
		return nil, fmt.Errorf("cannot be written as JSON: %w", err)
	}
	data := bytes.Clone(w.data)
	if cap(w.data) <= keptBuffer {
		c.encoders.Put(e)
	}
	return data, nil
}

func (c *jsonCodec) Decode(data []byte, v any) error {
	r := c.reader(data)
	defer c.release(r)
	return decode(r, &c.plans, v)
}

func (c *jsonCodec) List(data []byte) ([][]byte, error) {
	r := c.reader(data)
	defer c.release(r)
	return splitList(r)
}

func (c *jsonCodec) Map(data []byte) ([]Member, error) {
	r := c.reader(data)
	defer c.release(r)
	return splitObject(r)
}

// keptBuffer is how large a buffer may be that is kept for the next body: one large body is not held on to.
const keptBuffer = 64 << 10

func (c *jsonCodec) reader(data []byte) *jsonReader {
	r, _ := c.readers.Get().(*jsonReader)
	if r == nil {
		r = new(jsonReader)
	}
	r.data = data
	return r
}

func (c *jsonCodec) release(r *jsonReader) {
	if cap(r.scratch) <= keptBuffer {
		*r = jsonReader{scratch: r.scratch}
		c.readers.Put(r)
	}
}

func (*jsonCodec) Kind(data []byte) Kind {
	kind, err := (&jsonReader{data: data}).kind()
	if err != nil {
		return KindNone
	}
	return kind
}

// decode reads all that r has into the pointer v.
func decode(r reader, plans *plans, v any) error {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return fmt.Errorf("decoding into %T: want a pointer", v)
	}
	d := decoder{r: r, plans: plans}
	if err := d.value(p.Elem(), plans.of(p.Type().Elem())); err != nil {
		return err
	}
	return r.end()
}

// expect reads the opening of a list or an object.
func expect(r reader, want Kind) (int, error) {
	kind, err := r.kind()
	if err != nil {
		return 0, err
	}
	if kind != want {
		if err := errors.Join(r.skip(), r.end()); err != nil {
			return 0, err
		}
		return 0, fmt.Errorf("%s where %s should be", kind, want)
	}
	return r.open()
}

// splitList returns the elements of the list that r has.
func splitList(r reader) ([][]byte, error) {
	n, err := expect(r, KindList)
	if err != nil {
		return nil, err
	}
	list := [][]byte{}
	for {
		more, err := r.next(len(list), n, KindList)
		if err == nil && !more {
			err = r.end()
		}
		if err != nil {
			return nil, err
		}
		if !more {
			return list, nil
		}
		element, err := element(r)
		if err != nil {
			return nil, err
		}
		list = append(list, element)
	}
}

// nameOf returns a name; those of every request and reply are there already.
func nameOf(key []byte) string {
	switch string(key) {
	case "args":
		return "args"
	case "kwargs":
		return "kwargs"
	case "result":
		return "result"
	case "error":
		return "error"
	}
	return string(key)
}

// splitObject returns the members of the object that r has; of two with one name the last, as in Python.
func splitObject(r reader) ([]Member, error) {
	n, err := expect(r, KindObject)
	if err != nil {
		return nil, err
	}
	list := []Member{}
	var known map[string]int // only if there are many
	for i := 0; ; i++ {
		more, err := r.next(i, n, KindObject)
		if err == nil && !more {
			err = r.end()
		}
		if err != nil {
			return nil, err
		}
		if !more {
			return list, nil
		}
		key, err := r.key()
		if err != nil {
			return nil, err
		}
		m := Member{Name: nameOf(key)}
		if m.Value, err = element(r); err != nil {
			return nil, err
		}
		at := -1
		if known == nil {
			at = slices.IndexFunc(list, func(o Member) bool { return o.Name == m.Name })
		} else if j, ok := known[m.Name]; ok {
			at = j
		}
		if at >= 0 {
			list[at] = m
			continue
		}
		if len(list) == 0 {
			list = make([]Member, 0, 2) // as many as a request and a reply have
		}
		list = append(list, m)
		switch {
		case known != nil:
			known[m.Name] = len(list) - 1
		case len(list) > 16:
			known = make(map[string]int, 2*len(list))
			for j, o := range list {
				known[o.Name] = j
			}
		}
	}
}

// element returns the encoded value that comes next.
func element(r reader) ([]byte, error) {
	if _, err := r.kind(); err != nil {
		return nil, err
	}
	start := r.at()
	if err := r.skip(); err != nil {
		return nil, err
	}
	return r.since(start), nil
}
