package frame

import "fmt"

// A Method is a method of the protocol: a pointer to one of the structs of this package.
type Method interface {
	ID() ID
	fields(*codec)
}

// An ID identifies a method: its class in the upper half, its number in the lower half.
type ID uint32

// Class returns the class of the method.
func (id ID) Class() uint16 { return uint16(id >> 16) }

// Method returns the number of the method within its class.
func (id ID) Method() uint16 { return uint16(id) }

// String returns the two numbers, as "50.10".
func (id ID) String() string { return fmt.Sprintf("%d.%d", id.Class(), id.Method()) }

// The classes.
const (
	ClassConnection = 10
	ClassChannel    = 20
	ClassExchange   = 40
	ClassQueue      = 50
	ClassBasic      = 60
	ClassConfirm    = 85
	ClassTx         = 90
)

const (
	connection ID = ClassConnection << 16
	channel    ID = ClassChannel << 16
	exchange   ID = ClassExchange << 16
	queue      ID = ClassQueue << 16
	basic      ID = ClassBasic << 16
	confirm    ID = ClassConfirm << 16
	tx         ID = ClassTx << 16
)

// newMethod returns an empty method, or nil for an unknown id.
func newMethod(id ID) Method {
	switch id.Class() {
	case ClassConnection:
		return newConnectionMethod(id)
	case ClassChannel:
		return newChannelMethod(id)
	case ClassExchange:
		return newExchangeMethod(id)
	case ClassQueue:
		return newQueueMethod(id)
	case ClassBasic:
		return newBasicMethod(id)
	case ClassConfirm:
		return newConfirmMethod(id)
	case ClassTx:
		return newTxMethod(id)
	}
	return nil
}
