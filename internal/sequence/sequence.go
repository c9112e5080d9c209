// Package sequence handles iterators of type iter.Seq2[T, error] whose T is only known at run time.
// They occur as results of methods that yield items one at a time, and as parameters.
//
//	err := sequence.Each(result, func(item reflect.Value) error { … })
package sequence

import (
	"context"
	"reflect"
)

var errorType = reflect.TypeFor[error]()

// Item returns T if t is iter.Seq2[T, error] or a type with that underlying type, and nil
// otherwise.
func Item(t reflect.Type) reflect.Type {
	if yields := yielded(t); len(yields) == 2 && yields[1] == errorType {
		return yields[0]
	}
	return nil
}

// Looks reports whether t is an iterator, iter.Seq or iter.Seq2, of any types.
func Looks(t reflect.Type) bool { return yielded(t) != nil }

// yielded returns the types that an iterator of type t yields, or nil if t is not an iterator.
func yielded(t reflect.Type) []reflect.Type {
	if t == nil || t.Kind() != reflect.Func || t.NumIn() != 1 || t.NumOut() != 0 || t.IsVariadic() {
		return nil
	}
	yield := t.In(0)
	if yield.Kind() != reflect.Func || yield.NumOut() != 1 || yield.Out(0).Kind() != reflect.Bool || yield.NumIn() == 0 || yield.NumIn() > 2 {
		return nil
	}
	types := make([]reflect.Type, yield.NumIn())
	for i := range types {
		types[i] = yield.In(i)
	}
	return types
}

// Each calls fn for each item of seq, an iterator for which [Item] is not nil. It stops at the
// first error that seq yields or fn returns, and returns that error. A nil iterator has no items.
func Each(seq any, fn func(item reflect.Value) error) error {
	v := reflect.ValueOf(seq)
	if v.IsNil() {
		return nil
	}
	for item, failure := range v.Seq2() {
		if err, _ := failure.Interface().(error); err != nil {
			return err
		}
		if err := fn(item); err != nil {
			return err
		}
	}
	return nil
}

// List returns the items of seq as a slice, a []T. If ctx ends, it stops and returns the cause.
func List(ctx context.Context, seq any) (any, error) {
	list := reflect.MakeSlice(reflect.SliceOf(Item(reflect.TypeOf(seq))), 0, 0)
	err := Each(seq, func(item reflect.Value) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		list = reflect.Append(list, item)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list.Interface(), nil
}

// Make returns an iterator of type t whose items come from all. Each loop over the iterator calls
// all, which must stop when yield returns false. If there is an error, item may be the zero Value.
func Make(t reflect.Type, all func(yield func(item reflect.Value, err error) bool)) reflect.Value {
	zero, none := reflect.Zero(Item(t)), reflect.Zero(errorType)
	return reflect.MakeFunc(t, func(in []reflect.Value) []reflect.Value {
		var args [2]reflect.Value
		all(func(item reflect.Value, err error) bool {
			args[0], args[1] = item, none
			if !item.IsValid() {
				args[0] = zero
			}
			if err != nil {
				args[1] = reflect.ValueOf(&err).Elem()
			}
			return in[0].Call(args[:])[0].Bool()
		})
		return nil
	})
}
