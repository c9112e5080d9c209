package broker

import (
	"fmt"
	"reflect"

	"github.com/gomeko/gomeko/internal/frame"
)

// The arguments in which two declarations of a queue or an exchange must agree; others
// are kept and not compared, as RabbitMQ does.
var (
	queueArguments = []string{
		"x-expires", "x-message-ttl", "x-dead-letter-exchange", "x-dead-letter-routing-key",
		"x-dead-letter-strategy", "x-max-length", "x-max-length-bytes", "x-max-in-memory-length",
		"x-max-in-memory-bytes", "x-max-priority", "x-overflow", "x-queue-mode",
		"x-single-active-consumer", "x-queue-type", "x-quorum-initial-group-size",
		"x-max-age", "x-stream-max-segment-size-bytes", "x-initial-cluster-size", "x-queue-leader-locator",
	}
	exchangeArguments = []string{"alternate-exchange"}
)

// integer reads an integer of any type that a table has.
func integer(value any) (int64, bool) {
	switch v := reflect.ValueOf(value); {
	case v.CanInt():
		return v.Int(), true
	case v.CanUint():
		return int64(v.Uint()), v.Uint() < 1<<63
	}
	return 0, false
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
		if inReceived == inCurrent && sameValue(a, b) {
			continue
		}
		return exceptionf(codePreconditionFailed, "inequivalent arg '%s' for %s: received %s but current is %s",
			name, of, describe(a, inReceived), describe(b, inCurrent))
	}
	return nil
}

// sameValue compares integers by value, whatever their size.
func sameValue(a, b any) bool {
	x, isInt := integer(a)
	y, both := integer(b)
	if isInt && both {
		return x == y
	}
	return reflect.DeepEqual(a, b)
}

// describe names a value as RabbitMQ does.
func describe(value any, present bool) string {
	if !present {
		return "none"
	}
	kind := "longstr"
	switch value.(type) {
	case bool:
		kind = "bool"
	case int8:
		kind = "byte"
	case uint8:
		kind = "unsignedbyte"
	case int16:
		kind = "short"
	case uint16:
		kind = "unsignedshort"
	case int32:
		kind = "signedint"
	case uint32:
		kind = "unsignedint"
	case int64, uint64:
		kind = "long"
	}
	return fmt.Sprintf("the value '%v' of type '%s'", value, kind)
}
