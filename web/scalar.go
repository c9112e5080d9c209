package web

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

var errUTF8 = errors.New("is not UTF-8")

// A parser parses a text into dst. Its error says what is wrong with the text, for example: "x" is
// not a number.
type parser func(text string, dst reflect.Value) error

// parserOf returns the parser for values of t, or nil if a text cannot be parsed into one.
func parserOf(t reflect.Type) parser {
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return parseOwn
	}
	switch k := t.Kind(); k {
	case reflect.String:
		return parseString
	case reflect.Bool:
		return parseBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return parseInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return parseUint
	case reflect.Float32, reflect.Float64:
		return parseFloat
	case reflect.Pointer:
		if element := parserOf(t.Elem()); element != nil {
			return func(text string, dst reflect.Value) error {
				dst.Set(reflect.New(t.Elem()))
				return element(text, dst.Elem())
			}
		}
	}
	return nil
}

func parseOwn(text string, dst reflect.Value) error {
	if err := dst.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
		return fmt.Errorf("%q: %w", text, err)
	}
	return nil
}

func parseString(text string, dst reflect.Value) error {
	if !utf8.ValidString(text) {
		return errUTF8
	}
	dst.SetString(text)
	return nil
}

// parseBool also accepts on, which the checkbox of a form sends.
func parseBool(text string, dst reflect.Value) error {
	if text == "on" {
		dst.SetBool(true)
		return nil
	}
	b, err := strconv.ParseBool(text)
	if err != nil {
		return fmt.Errorf("%q is neither true nor false", text)
	}
	dst.SetBool(b)
	return nil
}

func parseInt(text string, dst reflect.Value) error {
	n, err := strconv.ParseInt(text, 10, dst.Type().Bits())
	if err != nil || text[0] == '+' {
		return wholeError(text, dst, err)
	}
	dst.SetInt(n)
	return nil
}

func parseUint(text string, dst reflect.Value) error {
	n, err := strconv.ParseUint(text, 10, dst.Type().Bits())
	if err != nil {
		return wholeError(text, dst, err)
	}
	dst.SetUint(n)
	return nil
}

func wholeError(text string, dst reflect.Value, err error) error {
	switch {
	case errors.Is(err, strconv.ErrRange):
		return fmt.Errorf("%s is out of range", text)
	case dst.CanUint():
		return fmt.Errorf("%q is not a whole number of at least 0", text)
	}
	return fmt.Errorf("%q is not a whole number", text)
}

// parseFloat accepts numbers in JSON's syntax.
func parseFloat(text string, dst reflect.Value) error {
	n, err := strconv.ParseFloat(text, dst.Type().Bits())
	switch {
	case errors.Is(err, strconv.ErrRange):
		return fmt.Errorf("%s is out of range", text)
	case err != nil, strings.Trim(text, "0123456789.eE+-") != "", text[0] == '+':
		return fmt.Errorf("%q is not a number", text)
	}
	dst.SetFloat(n)
	return nil
}
