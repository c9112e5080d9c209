package codec

// A transcoder writes what a reader reads to the writer of another encoding.
type transcoder struct {
	r       reader
	w       writer
	lengths []int // of the lists and objects that come next, if r does not tell
}

// transcode writes the value that comes next.
func transcode(r reader, w writer) error {
	t := transcoder{r: r, w: w}
	start := r.at()
	if _, json := r.(*jsonReader); json {
		if err := measure(r, &t.lengths); err != nil {
			return err
		}
	}
	r.back(start)
	return t.value()
}

func (t *transcoder) value() error {
	kind, err := t.r.kind()
	if err != nil {
		return err
	}
	switch kind {
	case KindNull:
		t.w.null()
		return t.r.null()
	case KindBool:
		b, err := t.r.bool()
		t.w.bool(b)
		return err
	case KindNumber:
		n, err := t.r.number()
		if err != nil {
			return err
		}
		return t.w.number(n.String())
	case KindString:
		text, err := t.r.text()
		if err != nil {
			return err
		}
		return t.w.text(string(text))
	case KindBytes:
		b, err := t.r.bytes()
		t.w.bytes(b)
		return err
	}
	return t.members(kind)
}

// members writes a list or an object.
func (t *transcoder) members(kind Kind) error {
	n, err := t.r.open()
	if err != nil {
		return err
	}
	length := n
	if n < 0 {
		length, t.lengths = t.lengths[0], t.lengths[1:]
	}
	if kind == KindList {
		t.w.list(length)
	} else {
		t.w.object(length)
	}
	for i := 0; ; i++ {
		more, err := t.r.next(i, n, kind)
		if err != nil {
			return err
		}
		if !more {
			t.w.close(kind)
			return nil
		}
		if kind == KindList {
			t.w.item(i)
		} else {
			name, err := t.r.key()
			if err != nil {
				return err
			}
			if err := t.w.key(i, string(name)); err != nil {
				return err
			}
		}
		if err := t.value(); err != nil {
			return err
		}
	}
}

// skip reads the value that comes next, and checks it.
func skip(r reader) error { return measure(r, nil) }

// measure reads the value that comes next, and adds the lengths of the lists and objects in it in the order of their
// beginnings.
func measure(r reader, lengths *[]int) error {
	kind, err := r.kind()
	if err != nil {
		return err
	}
	switch kind {
	case KindNull:
		return r.null()
	case KindBool:
		_, err := r.bool()
		return err
	case KindNumber:
		_, err := r.number()
		return err
	case KindString:
		_, err := r.text()
		return err
	case KindBytes:
		_, err := r.bytes()
		return err
	}
	n, err := r.open()
	if err != nil {
		return err
	}
	at := 0
	if lengths != nil {
		at = len(*lengths)
		*lengths = append(*lengths, 0)
	}
	for i := 0; ; i++ {
		more, err := r.next(i, n, kind)
		if err != nil {
			return err
		}
		if !more {
			if lengths != nil {
				(*lengths)[at] = i
			}
			return nil
		}
		if kind == KindObject {
			if _, err := r.key(); err != nil {
				return err
			}
		}
		if err := measure(r, lengths); err != nil {
			return err
		}
	}
}
