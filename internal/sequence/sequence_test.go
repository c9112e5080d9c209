package sequence_test

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"slices"
	"testing"

	"github.com/gomeko/gomeko/internal/sequence"
)

func TestItem(t *testing.T) {
	for typ, want := range map[reflect.Type]reflect.Type{
		reflect.TypeFor[iter.Seq2[int, error]]():                    reflect.TypeFor[int](),
		reflect.TypeFor[func(func(*string, error) bool)]():          reflect.TypeFor[*string](),
		reflect.TypeFor[iter.Seq[int]]():                            nil,
		reflect.TypeFor[iter.Seq2[int, string]]():                   nil,
		reflect.TypeFor[func(int) error]():                          nil,
		reflect.TypeFor[[]int]():                                    nil,
		reflect.TypeFor[func(func(int, error) bool) error]():        nil,
		reflect.TypeFor[func(...func(int, error) bool)]():           nil,
		reflect.TypeFor[func(func(int, error, int) bool)]():         nil,
		reflect.TypeFor[func(context.Context, func(int) bool)]():    nil,
		reflect.TypeFor[func(yield func(int, error) (int, bool))](): nil,
	} {
		if got := sequence.Item(typ); got != want {
			t.Errorf("%s: got %v, want %v", typ, got, want)
		}
	}
	if sequence.Item(nil) != nil || !sequence.Looks(reflect.TypeFor[iter.Seq[int]]()) || sequence.Looks(reflect.TypeFor[func()]()) {
		t.Error("nil, an iter.Seq or a func is taken for something else")
	}
}

func TestList(t *testing.T) {
	failed := errors.New("failed")
	numbers := func(n int, err error) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for i := range n {
				if !yield(i, nil) {
					return
				}
			}
			if err != nil {
				yield(0, err)
			}
		}
	}
	if got, err := sequence.List(t.Context(), numbers(3, nil)); err != nil || !reflect.DeepEqual(got, []int{0, 1, 2}) {
		t.Errorf("got %v, %v, want 0 to 2", got, err)
	}
	if got, err := sequence.List(t.Context(), iter.Seq2[int, error](nil)); err != nil || !reflect.DeepEqual(got, []int{}) {
		t.Errorf("a nil iterator: got %v, %v, want no items", got, err)
	}
	if got, err := sequence.List(t.Context(), numbers(3, failed)); !errors.Is(err, failed) || got != nil {
		t.Errorf("got %v, %v, want the error", got, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(failed)
	if _, err := sequence.List(ctx, numbers(3, nil)); !errors.Is(err, failed) {
		t.Errorf("got %v, want the cause of ctx's end", err)
	}
}

func TestMake(t *testing.T) {
	failed := errors.New("failed")
	made := sequence.Make(reflect.TypeFor[iter.Seq2[string, error]](), func(yield func(reflect.Value, error) bool) {
		_ = yield(reflect.ValueOf("a"), nil) && yield(reflect.ValueOf("b"), nil) && yield(reflect.Value{}, failed)
	}).Interface().(iter.Seq2[string, error])
	var items []string
	var errs []error
	for item, err := range made {
		items, errs = append(items, item), append(errs, err)
	}
	if !slices.Equal(items, []string{"a", "b", ""}) || !slices.Equal(errs, []error{nil, nil, failed}) {
		t.Errorf("got %q with %v, want a, b and the error", items, errs)
	}
	for item := range made { // a second loop, which ends early
		if item == "a" {
			break
		}
	}
}
