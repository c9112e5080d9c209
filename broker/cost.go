package broker

import (
	"strings"

	"github.com/gomeko/gomeko/internal/frame"
)

// Approximate sizes, in bytes, of the objects that clients create, without their names, arguments
// and contents.
const (
	connMemory      = 64 << 10
	channelMemory   = 1 << 10
	consumerMemory  = 512
	queueMemory     = 2 << 10
	priorityMemory  = 512 // of a queue, for each of its priorities
	exchangeMemory  = 1 << 10
	bindingMemory   = 512
	wordMemory      = 256 // of a binding's key, in a topic exchange
	vhostMemory     = 16 << 10
	messageMemory   = 200
	placeMemory     = 160 // a place where a message is: in a queue, with a client, in a transaction
	frameMemory     = 64
	fieldMemory     = 48 // a field of a table, or an item of an array
	queueListMemory = 8  // a queue in the list of a message in a transaction
)

// minObjects is the lower bound of the memory limit for objects.
const minObjects = 16 << 20

// addObject counts the memory of an object that a client created, or, if n is negative, of one that
// was removed.
func (a *alarm) addObject(n int64) {
	a.objects.Add(n)
	a.add(n)
}

// checkObjects returns an error if clients may not create more objects. A quarter of the memory is
// for objects: without such a limit, their number would grow even while publishings wait.
func (a *alarm) checkObjects() error {
	if most := max(a.limit/4, minObjects); a.objects.Load() > most {
		return exceptionf(codeResourceError, "low on memory: queues, exchanges, bindings, consumers, channels and connections "+
			"take more than %d bytes", most)
	}
	return nil
}

func (m *message) memory() int64 { return int64(len(m.content) + messageMemory) }

func (q *queue) memory() int64 {
	return queueMemory + int64(len(q.name)) + priorityMemory*int64(q.maxPriority) + memoryOf(q.arguments)
}

func (ex *exchange) memory() int64 {
	return exchangeMemory + int64(len(ex.name)) + memoryOf(ex.arguments)
}

func (c *consumer) memory() int64 { return consumerMemory + int64(len(c.tag)) + memoryOf(c.arguments) }

func (b binding) memory() int64 {
	n := bindingMemory + int64(len(b.key))
	if b.source.kind == "topic" {
		n += wordMemory * int64(1+strings.Count(b.key, "."))
	}
	// A headers exchange keeps the arguments decoded, which takes more memory for each field.
	return n + (1+fieldMemory)*int64(len(b.arguments))
}

// memoryOf returns about how much memory a field-table value takes.
func memoryOf(value any) int64 {
	n := int64(fieldMemory)
	switch v := value.(type) {
	case string:
		n += int64(len(v))
	case []byte:
		n += int64(len(v))
	case []any:
		for _, item := range v {
			n += memoryOf(item)
		}
	case frame.Table:
		for _, f := range v {
			n += int64(len(f.Name)) + memoryOf(f.Value)
		}
	}
	return n
}
