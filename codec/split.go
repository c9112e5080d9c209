package codec

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Split returns c if it is a [Splitter]. Otherwise it returns a Splitter that decodes the whole
// data into values of type any, and encodes the parts again. It returns the members of an object in
// the order of their names.
func Split(c Codec) Splitter {
	if s, ok := c.(Splitter); ok {
		return s
	}
	return decodedParts{c}
}

// decodedParts is a Splitter for a Codec that is not one.
type decodedParts struct{ Codec }

func (s decodedParts) List(data []byte) ([][]byte, error) {
	var list []any
	if err := s.Decode(data, &list); err != nil {
		return nil, err
	}
	if list == nil {
		return nil, fmt.Errorf("%s where %s should be", KindNull, KindList)
	}
	parts := make([][]byte, len(list))
	for i, v := range list {
		part, err := s.Encode(v)
		if err != nil {
			return nil, err
		}
		parts[i] = part
	}
	return parts, nil
}

func (s decodedParts) Map(data []byte) ([]Member, error) {
	var object map[string]any
	if err := s.Decode(data, &object); err != nil {
		return nil, err
	}
	if object == nil {
		return nil, fmt.Errorf("%s where %s should be", KindNull, KindObject)
	}
	members := make([]Member, 0, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		part, err := s.Encode(object[name])
		if err != nil {
			return nil, err
		}
		members = append(members, Member{name, part})
	}
	return members, nil
}

func (s decodedParts) Kind(data []byte) Kind {
	var v any
	if err := s.Decode(data, &v); err != nil {
		return KindNone
	}
	switch v.(type) {
	case nil:
		return KindNull
	case json.Number:
		return KindNumber
	case []byte:
		return KindBytes
	}
	switch reflect.TypeOf(v).Kind() {
	case reflect.Bool:
		return KindBool
	case reflect.String:
		return KindString
	case reflect.Slice, reflect.Array:
		return KindList
	case reflect.Map, reflect.Struct:
		return KindObject
	}
	return KindNumber
}
