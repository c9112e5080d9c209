package codec

// transcode writes the next value of in to w, which may have another format.
func transcode(in *input, w Writer) error {
	t := transcoder{in: in, w: w}
	return t.value()
}

// A transcoder writes to w what it reads from in.
type transcoder struct {
	in      *input
	w       Writer
	lengths []int // of the lists and objects that come next, if they had to be measured
}

func (t *transcoder) value() error {
	r := t.in.r
	kind, err := r.Kind()
	if err != nil {
		return err
	}
	switch kind {
	case KindNull:
		t.w.Null()
		return r.Null()
	case KindBool:
		b, err := r.Bool()
		t.w.Bool(b)
		return err
	case KindNumber:
		n, err := r.Number()
		if err == nil {
			err = t.in.charge(slotOf) // its text
		}
		if err != nil {
			return err
		}
		return writeError(t.w.Number(n.String()))
	case KindString:
		text, err := r.Text()
		if err == nil {
			err = t.in.charge(2 * len(text))
		}
		if err != nil {
			return err
		}
		return writeError(t.w.Text(string(text)))
	case KindBytes:
		b, err := r.Bytes()
		if err == nil {
			err = t.in.charge(2 * len(b))
		}
		if err != nil {
			return err
		}
		t.w.Bytes(b)
		return nil
	}
	return t.members(kind)
}

// members writes a list or an object.
func (t *transcoder) members(kind Kind) error {
	start := t.in.r.At()
	n, err := t.in.open(kind)
	if err != nil {
		return err
	}
	if n < 0 && len(t.lengths) == 0 {
		if n, err = t.measure(kind, start); err != nil {
			return err
		}
	}
	length := n
	if len(t.lengths) > 0 {
		length, t.lengths = t.lengths[0], t.lengths[1:]
	}
	t.w.Open(kind, length)
	for i := 0; ; i++ {
		more, err := t.in.next(kind, i, n)
		if err != nil {
			return err
		}
		if !more {
			t.w.Close(kind)
			return nil
		}
		if kind == KindList {
			t.w.Element(i)
		} else {
			name, err := t.in.r.Key()
			if err != nil {
				return err
			}
			if err := t.w.Key(i, string(name)); err != nil {
				return writeError(err)
			}
		}
		if err := t.value(); err != nil {
			return err
		}
	}
}

// measure finds the length of the list or object that began at start and was just opened, and the
// lengths in it. A writer needs a length before the first member. It opens the list or object
// again.
func (t *transcoder) measure(kind Kind, start int) (n int, err error) {
	t.in.depth--
	t.in.r.Back(start)
	if err := t.in.measure(&t.lengths); err != nil {
		return 0, err
	}
	t.in.r.Back(start)
	return t.in.open(kind)
}
