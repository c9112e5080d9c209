package codec

import "encoding/json"

// any returns the next value as a nil, bool, json.Number, string, []byte, []any or map[string]any,
// as a float64 if it is not finite, or as the value of an envelope.
func (d *decoder) any() (any, error) {
	kind, err := d.r.Kind()
	if err != nil {
		return nil, err
	}
	switch kind {
	case KindNull:
		return nil, d.r.Null()
	case KindBool:
		return d.r.Bool()
	case KindNumber:
		n, err := d.r.Number()
		if err == nil {
			err = d.charge(valueOf + len(n.text))
		}
		if err != nil {
			return nil, err
		}
		if f, odd := n.notFinite(); odd {
			return f, nil
		}
		return json.Number(n.String()), nil
	case KindString:
		return d.text()
	case KindBytes:
		return d.bytes()
	case KindList:
		return d.anyList()
	default:
		members, err := d.object()
		if err != nil {
			return nil, err
		}
		if e, ok := newEnvelope(members); ok {
			if v, ok := e.value(); ok {
				return v, nil
			}
		}
		return members, nil
	}
}

// anyList returns the elements of the next list.
func (d *decoder) anyList() (any, error) {
	if err := d.charge(valueOf); err != nil {
		return nil, err
	}
	list := []any{}
	err := d.list(func(int) error {
		if err := d.charge(slotOf); err != nil {
			return err
		}
		v, err := d.any()
		list = append(list, v)
		return err
	})
	return list, err
}

// text returns the next string.
func (d *decoder) text() (string, error) {
	text, err := d.r.Text()
	if err == nil {
		err = d.charge(valueOf + len(text))
	}
	if err != nil {
		return "", err
	}
	return string(text), nil
}

// bytes returns a copy of the next bytes.
func (d *decoder) bytes() ([]byte, error) {
	b, err := d.r.Bytes()
	if err == nil {
		err = d.charge(valueOf + len(b))
	}
	if err != nil {
		return nil, err
	}
	return append([]byte{}, b...), nil
}

// object returns the members of the next object.
func (d *decoder) object() (map[string]any, error) {
	if err := d.charge(groupOf); err != nil {
		return nil, err
	}
	members := map[string]any{}
	err := d.members(func(name []byte) error {
		if err := d.charge(memberOf + len(name)); err != nil {
			return err
		}
		key := string(name)
		v, err := d.any()
		members[key] = v
		return err
	})
	return members, err
}

// list calls element before each element of the next list. The function reads it.
func (d *decoder) list(element func(i int) error) error {
	n, err := d.open(KindList)
	for i := 0; err == nil; i++ {
		var more bool
		if more, err = d.next(KindList, i, n); err != nil || !more {
			break
		}
		err = element(i)
	}
	return err
}

// members calls member with the name of each member of the next object. The function reads the
// value.
func (d *decoder) members(member func(name []byte) error) error {
	n, err := d.open(KindObject)
	for i := 0; err == nil; i++ {
		var more bool
		if more, err = d.next(KindObject, i, n); err != nil || !more {
			break
		}
		var name []byte
		if name, err = d.r.Key(); err == nil {
			err = member(name)
		}
	}
	return err
}

// jsonInput returns an input that reads data as JSON.
func jsonInput(data []byte) *input {
	return &input{r: &jsonReader{data: data}, data: data}
}
