package codec

import (
	"encoding/base64"
	"reflect"
	"time"

	"github.com/google/uuid"
)

// kombu 5.3 and newer writes values without a JSON type as an object of two members, and reads every
// object with exactly these two as one: see docs/wire/nameko.md, JSON.
const (
	typeKey  = "__type__"
	valueKey = "__value__"
)

// An envelope is one that was read: the text of its value as kombu 5.2 would have written it.
type envelope struct{ kind, text string }

// newEnvelope returns the envelope that members are, if they are one of a kind that is known.
func newEnvelope(members map[string]any) (envelope, bool) {
	kind, _ := members[typeKey].(string)
	value, there := members[valueKey]
	if len(members) != 2 || !there {
		return envelope{}, false
	}
	switch kind {
	case "datetime", "date", "time", "decimal", "bytes", "base64":
		text, ok := value.(string)
		return envelope{kind, text}, ok
	case "uuid":
		fields, _ := value.(map[string]any)
		hex, ok := fields["hex"].(string)
		if id, err := uuid.Parse(hex); err == nil {
			hex = id.String()
		}
		return envelope{kind, hex}, ok && len(fields) == 1
	}
	return envelope{}, false
}

// value returns the Go value for an any: false if it is none, whatever the kind says.
func (e envelope) value() (v any, ok bool) {
	var err error
	switch e.kind {
	case "datetime":
		v, err = parseTime(e.text)
	case "date":
		v, err = parseDate(e.text)
	case "time":
		v, err = parseTimeOfDay(e.text)
	case "decimal":
		return Decimal(e.text), Decimal(e.text).valid()
	case "uuid":
		v, err = uuid.Parse(e.text)
	default:
		v, err = e.bytes()
	}
	return v, err == nil
}

// bytes returns what is to fit a []byte.
func (e envelope) bytes() ([]byte, error) {
	if e.kind == "bytes" {
		return []byte(e.text), nil
	}
	return unbase64(e.text)
}

func unbase64(text string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, misfitf("a string that is not base64 does not fit []byte")
	}
	return b, nil
}

// envelope reads the object that comes next if it is an envelope, and otherwise leaves it there.
func (d *decoder) envelope() (e envelope, ok bool, err error) {
	start := d.r.at()
	first, err := d.first()
	if d.r.back(start); err != nil || first != typeKey && first != valueKey {
		return e, false, err
	}
	members, err := d.object()
	if err != nil {
		return e, false, err
	}
	e, ok = newEnvelope(members)
	if !ok {
		d.r.back(start)
	}
	return e, ok, nil
}

// enveloped reads into v, which is neither a map nor a struct, the object that comes next, if that is an envelope.
func (d *decoder) enveloped(v reflect.Value, p *plan) error {
	e, ok, err := d.envelope()
	switch {
	case err != nil:
		return err
	case !ok:
		return d.unfit(KindObject, p)
	case p.read == formBytes:
		b, err := e.bytes()
		v.SetBytes(b)
		return err
	}
	return d.setText(v, p, e.text)
}

// plain returns the envelope that comes next as the JSON that kombu 5.2 would have written; nil if there is none.
func (d *decoder) plain() ([]byte, error) {
	e, ok, err := d.envelope()
	if err != nil || !ok {
		return nil, err
	}
	var w jsonWriter
	err = w.text(e.text)
	return w.data, err
}

// first returns the name of the first member of the object that comes next.
func (d *decoder) first() (string, error) {
	n, err := d.r.open()
	if err != nil {
		return "", err
	}
	more, err := d.r.next(0, n, KindObject)
	if err != nil || !more {
		return "", err
	}
	defer d.r.leave()
	name, err := d.r.key()
	return string(name), err
}

// enveloped writes an envelope around what value writes.
func (e *encoder) enveloped(kind string, value func() error) error {
	return e.object([]string{typeKey, valueKey}, func(i int) error {
		if i == 0 {
			return e.w.text(kind)
		}
		return value()
	})
}

func (e *encoder) envelope(kind, text string) error {
	return e.enveloped(kind, func() error {
		if kind != "uuid" {
			return e.w.text(text)
		}
		id, err := uuid.Parse(text)
		if err != nil {
			return misfitf("%q is no UUID", text)
		}
		return e.object([]string{"hex"}, func(int) error { return e.w.text(compactUUID(id)) })
	})
}

func compactUUID(id uuid.UUID) string {
	text := id.String()
	return text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:]
}

// time writes t, to the microsecond.
func (e *encoder) time(t time.Time) error {
	if y := t.Year(); y < 1 || y > 9999 {
		return misfitf("year %d is not one of Python's, 1 to 9999", y)
	}
	return e.plainOr("datetime", isoformat(t, e.typed))
}

// isoformat returns t as Python's does; kombu 5.2 makes +00:00 a Z.
func isoformat(t time.Time, typed bool) string {
	layout := "2006-01-02T15:04:05"
	if t.Nanosecond()/1000 != 0 {
		layout += ".000000"
	}
	if t.Location() != Naive {
		_, offset := t.Zone()
		switch {
		case offset%60 != 0:
			layout += "-07:00:00"
		case typed:
			layout += "-07:00"
		default:
			layout += "Z07:00"
		}
	}
	return t.Format(layout)
}

// date writes d: midnight, from kombu 5.2.
func (e *encoder) date(d Date) error {
	switch {
	case !d.valid():
		return misfitf("%s is no date", d)
	case e.typed:
		return e.envelope("date", d.String())
	}
	return e.w.text(d.String() + "T00:00:00")
}
