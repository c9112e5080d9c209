package messaging

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/internal/methodname"
	"github.com/gomeko/gomeko/service"
)

// bind binds the row's method in one of the forms of [Subscribe]. It returns whether the method
// takes about, and the type of its payload, or nil if it takes none.
func bind(r *service.Row, about reflect.Type) (takesAbout bool, payload reflect.Type, err error) {
	name, params := methodname.Of(r), r.Params()
	switch {
	case slices.Equal(params, []reflect.Type{about}):
		_, err = r.Bind(name+"()", about)
		return true, nil, err
	case len(params) == 2 && params[0] == about:
		_, err = r.Bind(name+"(payload)", about)
		return true, params[1], err
	case len(params) == 1:
		_, err = r.Bind(name + "(payload)")
		return false, params[0], err
	}
	return false, nil, misfit(r, name, params, about)
}

// misfit returns the error for a method that does not exist, or that takes no payload or several.
func misfit(r *service.Row, name string, params []reflect.Type, about reflect.Type) error {
	if params == nil {
		_, err := r.Bind(name + "(payload)") // whose remedy shows a payload
		return err
	}
	names, types := make([]string, len(params)), make([]string, len(params))
	for i, t := range params {
		names[i], types[i] = fmt.Sprintf("p%d", i), t.String()
	}
	_, err := r.Bind(name + "(" + strings.Join(names, ", ") + ")")
	if err != nil && len(params) == 0 {
		_, err = r.Bind(name + "(payload)")
	}
	if err != nil { // something else is wrong
		return err
	}
	takes := "no parameter"
	if len(params) > 0 {
		takes = "(" + strings.Join(types, ", ") + ")"
	}
	return errors.New(r.Method + " takes " + takes + " after ctx, and must take one payload: write " + r.Method +
		"(ctx context.Context, payload T) error; " + about.String() + " may stand before the payload, or in its place")
}
