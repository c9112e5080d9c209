package codec

import (
	"errors"
	"fmt"
	"math"
)

// maxDepth is how deep lists and objects may be nested.
const maxDepth = 10_000

// An input is encoded data that is being read. It limits how deep the data is nested, and the
// memory that decoding it takes.
type input struct {
	r       Reader
	data    []byte
	depth   int
	deepest int     // the largest depth so far
	charged int     // levels of depth whose stack is charged
	budget  *Budget // nil if there is no limit
	left    int     // bytes taken from the budget and not used yet
	prices  bool    // whether skip charges what decoding into an any would
}

func (in *input) reset(data []byte, b *Budget) {
	in.r.Reset(data)
	in.data, in.depth, in.deepest, in.charged, in.budget, in.left = data, 0, 0, 0, b, 0
}

// charge takes n bytes from the budget.
func (in *input) charge(n int) error {
	if in.left -= n; in.left >= 0 {
		return nil
	}
	return in.overdrawn()
}

// overdrawn takes what is missing from the budget, and another portion.
func (in *input) overdrawn() error {
	if in.budget == nil {
		in.left = math.MaxInt
		return nil
	}
	lacking := -in.left
	more := max(lacking, min(lacking+portion, in.budget.left))
	if err := in.budget.Charge(more); err != nil {
		return err
	}
	in.left += more
	return nil
}

// returnRest gives unused bytes, and those charged for the stack, back to the budget.
func (in *input) returnRest() {
	if in.budget != nil {
		in.budget.left += max(0, in.left) + in.charged*levelOf
	}
	in.left, in.charged = 0, 0
}

// open enters the list or object that comes next. It returns its length, or -1 if that is not
// known.
func (in *input) open(of Kind) (n int, err error) {
	if in.depth++; in.depth > in.deepest {
		if in.depth > maxDepth {
			return 0, fmt.Errorf("nested deeper than %d at byte %d", maxDepth, in.r.At()+1)
		}
		in.deepest = in.depth
		if err := in.charge(levelOf); err != nil {
			return 0, err
		}
		in.charged++
	}
	return in.r.Open(of)
}

// next moves to element or member i of a list or object of length n. It returns false at the end.
func (in *input) next(of Kind, i, n int) (bool, error) {
	more := i < n
	if n < 0 {
		var err error
		if more, err = in.r.Next(of, i); err != nil {
			return false, err
		}
	}
	if !more {
		in.depth--
		return false, nil
	}
	return true, in.charge(1) // so that a long list is not read beyond the end of the context
}

// skip reads the value that comes next, and checks that it is valid.
func (in *input) skip() error { return in.measure(nil) }

// measure is skip. It also appends the lengths of all lists and objects in the value, in the order
// in which they begin.
func (in *input) measure(lengths *[]int) error {
	kind, err := in.r.Kind()
	if err != nil {
		return err
	}
	switch kind {
	case KindNull:
		return in.r.Null()
	case KindBool:
		_, err := in.r.Bool()
		return err
	case KindNumber:
		n, err := in.r.Number()
		return in.price(valueOf+len(n.text), err)
	case KindString:
		text, err := in.r.Text()
		return in.price(valueOf+len(text), err)
	case KindBytes:
		b, err := in.r.Bytes()
		return in.price(valueOf+len(b), err)
	}
	n, err := in.open(kind)
	if kind == KindList {
		err = in.price(valueOf, err)
	} else {
		err = in.price(groupOf, err)
	}
	if err != nil {
		return err
	}
	at := 0
	if lengths != nil {
		at = len(*lengths)
		*lengths = append(*lengths, 0)
	}
	for i := 0; ; i++ {
		more, err := in.next(kind, i, n)
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
			key, err := in.r.Key()
			if err := in.price(memberOf+len(key), err); err != nil {
				return err
			}
		} else if err := in.price(slotOf, nil); err != nil {
			return err
		}
		if err := in.measure(lengths); err != nil {
			return err
		}
	}
}

// price charges n if in.prices. It returns err if there is one.
func (in *input) price(n int, err error) error {
	if err != nil || !in.prices {
		return err
	}
	return in.charge(n)
}

// affordable returns an error if the budget is too small for the next value as an any. Finding out
// takes a tenth of the time of decoding, and no memory.
func (in *input) affordable() error {
	start := in.r.At()
	if _, err := in.r.Kind(); err != nil {
		return err
	}
	in.prices = true
	err := in.skip()
	in.prices = false
	in.returnRest()
	in.r.Back(start)
	return err
}

// splitList returns the encoded elements of the list that is the input, at most the first limit of
// them, and the number of all.
func (in *input) splitList(limit int) (list [][]byte, all int, err error) {
	n, err := in.expect(KindList)
	if err != nil {
		return nil, 0, err
	}
	list = [][]byte{}
	for i := 0; ; i++ {
		more, err := in.next(KindList, i, n)
		if err == nil && !more {
			err = in.r.End()
		}
		if err != nil {
			return nil, 0, err
		}
		if !more {
			return list, i, nil
		}
		element, err := in.element()
		if err == nil && i < limit {
			err = in.charge(partOf)
			list = append(list, element)
		}
		if err != nil {
			return nil, 0, err
		}
	}
}

// splitObject returns the members of the object that is the input. If two have the same name, it
// returns the last one in the place of the first, as Python does.
func (in *input) splitObject() ([]Member, error) {
	n, err := in.expect(KindObject)
	if err != nil {
		return nil, err
	}
	list := memberList{members: []Member{}}
	for i := 0; ; i++ {
		more, err := in.next(KindObject, i, n)
		if err == nil && !more {
			err = in.r.End()
		}
		if err != nil {
			return nil, err
		}
		if !more {
			return list.members, nil
		}
		key, err := in.r.Key()
		if err != nil {
			return nil, err
		}
		if err := in.charge(2*partOf + memberOf + len(key)); err != nil {
			return nil, err
		}
		m := Member{Name: memberName(key)}
		if m.Value, err = in.element(); err != nil {
			return nil, err
		}
		list.set(m)
	}
}

// expect enters the list or object that is the input.
func (in *input) expect(want Kind) (int, error) {
	kind, err := in.r.Kind()
	if err != nil {
		return 0, err
	}
	if kind != want {
		if err := errors.Join(in.skip(), in.r.End()); err != nil {
			return 0, err
		}
		return 0, fmt.Errorf("%s where %s should be", kind, want)
	}
	return in.open(want)
}

// element returns the encoded value that comes next.
func (in *input) element() ([]byte, error) {
	if _, err := in.r.Kind(); err != nil {
		return nil, err
	}
	start := in.r.At()
	if err := in.skip(); err != nil {
		return nil, err
	}
	return in.data[start:in.r.At()], nil
}
