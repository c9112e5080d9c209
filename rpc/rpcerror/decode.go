package rpcerror

import "github.com/gomeko/gomeko/codec"

// Decode decodes data, the error in a reply. It returns nil if there is none: null, or an empty
// object, as in Nameko. budget limits the memory and may be nil. The second result says why data
// cannot be decoded.
func Decode(c codec.Codec, data []byte, budget *codec.Budget) (*Error, error) {
	splitter := codec.Split(c)
	switch splitter.Kind(data) {
	case codec.KindNull:
		return nil, nil
	case codec.KindObject:
		members, err := budget.Map(splitter, data)
		if err != nil || len(members) == 0 {
			return nil, err
		}
	}
	e := &Error{remote: true}
	if err := budget.Decode(c, data, e); err != nil {
		return nil, err
	}
	return e, nil
}
