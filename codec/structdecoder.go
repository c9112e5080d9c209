package codec

import "reflect"

// fields reads an object into v, a struct.
func (d *decoder) fields(v reflect.Value, p *plan) error {
	seen, began := memberSet{}, d.faults.Len()
	err := d.members(func(name []byte) error {
		at := p.member(name)
		if at < 0 {
			return d.skip()
		}
		f := &p.fields[at]
		member, err := f.reach(v)
		if err != nil {
			return inMember(err, f.name)
		}
		if !seen.add(at) { // the last of equal names replaces the first
			member.SetZero()
			d.faults.Replace(began, f.name)
		}
		known := d.faults.Len()
		if f.quoted {
			err = d.unquote(member, f.plan)
		} else {
			err = d.value(member, f.plan)
		}
		if err != nil {
			return inMember(err, f.name)
		}
		if d.checks {
			d.check(f, member, known)
		}
		return nil
	})
	if d.faults.Len() > began {
		d.faults.Sort(began, func(name string) int { return p.byName[name] })
	}
	if err != nil || !d.strict || seen.n == len(p.fields) {
		return err
	}
	return d.absent(v, p, &seen)
}

// check checks member, a field that was present. The faults from index known on are within it.
func (d *decoder) check(f *field, member reflect.Value, known int) {
	if f.rule != nil {
		f.rule.Check(member, &d.faults)
	}
	if d.faults.Len() == known {
		return
	}
	if f.secret {
		d.faults.Hide(known)
	}
	d.faults.Below(known, f.name)
}

// absent sets the fields of v without a member to their defaults. It returns an error if one of
// them is required.
func (d *decoder) absent(v reflect.Value, p *plan, seen *memberSet) error {
	for i := range p.fields {
		f := &p.fields[i]
		switch {
		case seen.has(i):
		case !f.optional:
			return inMember(&ValueError{Reason: "is missing", Missing: true}, f.name)
		case f.fallback != nil:
			member, err := f.reach(v)
			if err == nil {
				err = d.nested(string(f.fallback)).value(member, f.plan)
			}
			if err != nil {
				return inMember(err, f.name)
			}
		}
	}
	return nil
}

// A memberSet is a set of fields of a struct, by their indexes.
type memberSet struct {
	n     int
	first uint64 // bits of the fields 0 to 63
	rest  map[int]bool
}

// add adds field i, and reports whether it was missing.
func (s *memberSet) add(i int) bool {
	switch {
	case s.has(i):
		return false
	case i < 64:
		s.first |= 1 << i
	case s.rest == nil:
		s.rest = map[int]bool{i: true}
	default:
		s.rest[i] = true
	}
	s.n++
	return true
}

func (s *memberSet) has(i int) bool {
	if i < 64 {
		return s.first&(1<<i) != 0
	}
	return s.rest[i]
}

// unquote reads a string into v, a field with the option string in its tag. The string contains
// JSON.
func (d *decoder) unquote(v reflect.Value, p *plan) error {
	switch kind, err := d.r.Kind(); {
	case err != nil:
		return err
	case kind == KindNull:
		return d.value(v, p)
	case kind != KindString:
		return d.doesNotFit(kind, p)
	}
	text, err := d.text()
	if err != nil {
		return err
	}
	return d.quoted(text, v, p)
}

// nested returns a decoder that reads text as JSON.
func (d *decoder) nested(text string) *decoder {
	return &decoder{input: *jsonInput([]byte(text)), plans: d.plans}
}

// quoted reads text, the content of a string, as JSON into v.
func (d *decoder) quoted(text string, v reflect.Value, p *plan) error {
	d.returnRest()
	inner := d.nested(text)
	inner.budget = d.budget
	defer inner.returnRest()
	kind, err := inner.r.Kind()
	if err == nil {
		if kind != KindNumber && p.read == formNumber {
			return doesNotFit(KindString, p.typ)
		}
		err = inner.value(v, p)
	}
	if err == nil {
		err = inner.r.End()
	}
	if err != nil && !Unread(err) {
		return valueErrorf("in a string: %v", err)
	}
	return err
}
