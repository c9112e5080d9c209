package rpcerror

import "github.com/gomeko/gomeko/codec"

// Decode returns the error of a reply, which is encoded in data. It returns nil if there is none:
// null, or an empty object, as Nameko decides. An error of its own says why data cannot be decoded.
func Decode(c codec.Codec, data []byte) (*Error, error) {
	if codec.Split(c).Kind(data) == codec.KindNull {
		return nil, nil
	}
	var v any
	if err := c.Decode(data, &v); err != nil {
		return nil, err
	}
	if members, ok := v.(map[string]any); ok && len(members) == 0 {
		return nil, nil
	}
	e := &Error{remote: true}
	if err := c.Decode(data, e); err != nil {
		return nil, err
	}
	return e, nil
}
