package broker

import (
	"fmt"
	"reflect"
	"time"

	"github.com/gomeko/gomeko/internal/frame"
)

// exchangeArguments are the arguments that must be equal when an exchange is declared again.
var exchangeArguments = []string{"alternate-exchange"}

// integer returns the value if it has any of the integer types of a field table.
func integer(value any) (int64, bool) {
	switch v := reflect.ValueOf(value); {
	case v.CanInt():
		return v.Int(), true
	case v.CanUint():
		return int64(v.Uint()), v.Uint() < 1<<63
	}
	return 0, false
}

// maxMillis is the longest time that RabbitMQ accepts: ten years of 365 days.
const maxMillis = 10 * 365 * 24 * 60 * 60 * 1000

// millis converts milliseconds to a duration. If they are out of range, fault is RabbitMQ's text.
func millis(ms int64) (d time.Duration, fault string) {
	switch {
	case ms < 0:
		return 0, fmt.Sprintf("{value_negative,%d}", ms)
	case ms > maxMillis:
		return 0, fmt.Sprintf("{value_too_large,%d}", ms)
	}
	return time.Duration(ms) * time.Millisecond, ""
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func sameFlag(of, name string, received, current bool) error {
	return sameText(of, name, fmt.Sprint(received), fmt.Sprint(current))
}

func sameText(of, name, received, current string) error {
	if received == current {
		return nil
	}
	return exceptionf(codePreconditionFailed, "inequivalent arg '%s' for %s: received '%s' but current is '%s'",
		name, of, received, current)
}

func sameArguments(of string, received, current frame.Table, names []string) error {
	for _, name := range names {
		a, inReceived := received.Get(name)
		b, inCurrent := current.Get(name)
		if inReceived == inCurrent && sameValue(a, b) || name == "x-queue-type" && isClassic(a) && isClassic(b) {
			continue
		}
		if inReceived && inCurrent && fmt.Sprint(a) != fmt.Sprint(b) {
			return sameText(of, name, fmt.Sprint(a), fmt.Sprint(b))
		}
		return exceptionf(codePreconditionFailed, "inequivalent arg '%s' for %s: received %s but current is %s",
			name, of, describe(a, inReceived), describe(b, inCurrent))
	}
	return nil
}

// isClassic reports whether x-queue-type is classic or absent.
func isClassic(value any) bool { return value == nil || value == "classic" }

// sameValue compares integers by value, whatever their size.
func sameValue(a, b any) bool {
	x, isInt := integer(a)
	y, both := integer(b)
	if isInt && both {
		return x == y
	}
	return reflect.DeepEqual(a, b)
}

// describe formats a value as RabbitMQ does in its texts.
func describe(value any, present bool) string {
	if !present {
		return "none"
	}
	return fmt.Sprintf("the value '%v' of type '%s'", value, typeName(value))
}

// typeName returns RabbitMQ's name for the type of a field-table value.
func typeName(value any) string {
	switch value.(type) {
	case bool:
		return "bool"
	case int8:
		return "byte"
	case uint8:
		return "unsignedbyte"
	case int16:
		return "short"
	case uint16:
		return "unsignedshort"
	case int32:
		return "signedint"
	case uint32:
		return "unsignedint"
	case int64, uint64:
		return "long"
	case float32:
		return "float"
	case float64:
		return "double"
	case frame.Decimal:
		return "decimal"
	case time.Time:
		return "timestamp"
	case []byte:
		return "binary"
	case []any:
		return "array"
	case frame.Table:
		return "table"
	case nil:
		return "void"
	}
	return "longstr"
}

// term formats a value as an Erlang term, for those values that appear in RabbitMQ's texts.
func term(value any) string {
	if value == nil {
		return "undefined"
	}
	return fmt.Sprint(value)
}
