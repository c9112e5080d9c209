package service

import (
	"context"
	"iter"
	"maps"
	"math"
	"reflect"
	"time"
)

// A Key names a value of the context data, which every call and event passes on, from the first
// caller to the last service. Nameko defines [Language], [UserID], [UserAgent] and [AuthToken].
// Define others as constants:
//
//	const Tenant service.Key[string] = "tenant"
//
//	ctx = Tenant.With(ctx, "acme") // calls and events that are sent with ctx carry it
//	tenant, ok := Tenant.Get(ctx)  // in a method that such a call reaches
//
// T may be bool, a number, string, []byte, time.Time (to the second), any, a named type with one of
// these as its underlying type, a slice of them, or a map of them with string keys. A call with a
// value of another type returns an error.
type Key[T any] string

// The context data that Nameko defines: see docs/wire/nameko.md, Context data. In a fleet that
// sends values of other types, define a Key with the same name and the other type.
const (
	Language  Key[string] = "language"
	UserID    Key[string] = "user_id"
	UserAgent Key[string] = "user_agent"
	AuthToken Key[string] = "auth_token"
)

// Get returns the value that ctx carries, and whether it carries one that fits T. A number fits a
// type that can hold it without loss.
func (k Key[T]) Get(ctx context.Context) (T, bool) {
	var value T
	raw, ok := carried(ctx)[string(k)]
	if !ok || raw == nil {
		return value, false
	}
	if v, ok := raw.(T); ok {
		return v, true
	}
	if !fit(reflect.ValueOf(&value).Elem(), reflect.ValueOf(plain(raw))) {
		var none T
		return none, false
	}
	return value, true
}

// With returns a copy of ctx that also carries value. A nil value is not sent. The Data of ctx's
// [Call] does not change.
func (k Key[T]) With(ctx context.Context, value T) context.Context {
	data := maps.Clone(carried(ctx))
	if data == nil {
		data = make(map[string]any, 1)
	}
	data[string(k)] = value
	return context.WithValue(ctx, dataKey{}, data)
}

// Data returns the context data that a message sent with ctx carries: the data of ctx's [Call] and
// the values set with [Key.With]. It is for extensions that send messages. Nil values are omitted.
// The others have the type bool, int32, int64 (if int32 is too small), float64, string, time.Time,
// []any or map[string]any; values of any other type are not converted.
func Data(ctx context.Context) iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for key, raw := range carried(ctx) {
			if v := plain(raw); v != nil && !yield(key, v) {
				return
			}
		}
	}
}

// dataKey is the key of a map[string]any in a context, which must not be changed.
type dataKey struct{}

func carried(ctx context.Context) map[string]any {
	data, _ := ctx.Value(dataKey{}).(map[string]any)
	return data
}

// plain converts v to the type that Data returns for its kind, if there is one.
func plain(v any) any {
	switch v := v.(type) {
	case nil, bool, int32, float64, string, time.Time:
		return v
	case []byte:
		return string(v)
	}
	r := reflect.ValueOf(v)
	switch k := r.Kind(); {
	case k == reflect.Bool:
		return r.Bool()
	case r.CanInt():
		return whole(r.Int())
	case r.CanUint() && r.Uint() <= math.MaxInt64:
		return whole(int64(r.Uint()))
	case r.CanFloat():
		return r.Float()
	case k == reflect.String:
		return r.String()
	case k == reflect.Slice && r.Type().Elem().Kind() == reflect.Uint8:
		return string(r.Bytes())
	case k == reflect.Slice:
		list := make([]any, r.Len())
		for i := range list {
			list[i] = plain(r.Index(i).Interface())
		}
		return list
	case k == reflect.Map && r.Type().Key().Kind() == reflect.String:
		table := make(map[string]any, r.Len())
		for key, value := range r.Seq2() {
			table[key.String()] = plain(value.Interface())
		}
		return table
	}
	return v
}

// whole returns n as Nameko sends it: as 64 bits only if 32 are too few.
func whole(n int64) any {
	if n == int64(int32(n)) {
		return int32(n)
	}
	return n
}

// fit stores the plain value v in dst, and reports whether it fits without loss.
func fit(dst, v reflect.Value) bool {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if v.CanFloat() && (dst.CanInt() || dst.CanUint()) && v.Float() == math.Trunc(v.Float()) && math.Abs(v.Float()) < 1<<63 {
		v = reflect.ValueOf(int64(v.Float()))
	}
	t := dst.Type()
	switch k := dst.Kind(); {
	case !v.IsValid():
		return k == reflect.Interface || k == reflect.Slice || k == reflect.Map
	case v.Type().AssignableTo(t):
		dst.Set(v)
		return true
	case dst.CanInt() && v.CanInt() && !dst.OverflowInt(v.Int()):
		dst.SetInt(v.Int())
		return true
	case dst.CanUint() && v.CanInt() && v.Int() >= 0 && !dst.OverflowUint(uint64(v.Int())):
		dst.SetUint(uint64(v.Int()))
		return true
	case dst.CanFloat() && v.CanFloat() && !dst.OverflowFloat(v.Float()):
		dst.SetFloat(v.Float())
		return true
	case dst.CanFloat() && v.CanInt() && int64(float64(v.Int())) == v.Int():
		dst.SetFloat(float64(v.Int()))
		return true
	case k == v.Kind() && (k == reflect.Bool || k == reflect.String),
		k == reflect.Slice && t.Elem().Kind() == reflect.Uint8 && v.Kind() == reflect.String:
		dst.Set(v.Convert(t))
		return true
	case k == reflect.Slice && v.Kind() == reflect.Slice:
		dst.Set(reflect.MakeSlice(t, v.Len(), v.Len()))
		for i := range v.Len() {
			if !fit(dst.Index(i), v.Index(i)) {
				return false
			}
		}
		return true
	case k == reflect.Map && v.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		dst.Set(reflect.MakeMapWithSize(t, v.Len()))
		for name, value := range v.Seq2() {
			element := reflect.New(t.Elem()).Elem()
			if !fit(element, value) {
				return false
			}
			dst.SetMapIndex(name.Convert(t.Key()), element)
		}
		return true
	}
	return false
}
