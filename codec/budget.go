package codec

import (
	"context"
	"errors"
	"fmt"
)

// A Budget limits the memory that the body of one message may take when it is decompressed and
// decoded: 16 KB can become gigabytes. A [Set] that opens the body, and a codec made by [New] that
// splits or decodes it, charge the Budget before they allocate. When it is used up they stop with
// an [*OverBudget]. They also stop soon after the context has ended, with its error.
//
// In a process, at most eight bodies that take more than 256 KiB are decoded at a time, and only
// one that takes more than 4 MiB. Others wait until Close is called or their context ends.
//
// A nil Budget limits nothing. A Budget must not be used by several goroutines at once. For a codec
// that was not made by New, the length of the data is charged, since the memory is not known.
type Budget struct {
	ctx   context.Context
	limit int
	left  int
	turns int // how many of the turns it has
}

// NewBudget returns a Budget of limit bytes for a body that is read in ctx. Close it when the body
// is decoded.
func NewBudget(ctx context.Context, limit int) *Budget {
	b := new(Budget)
	b.Reset(ctx, limit)
	return b
}

// Reset makes b, which must be new or closed, a Budget of limit bytes. It is for a Budget that is
// part of another value.
func (b *Budget) Reset(ctx context.Context, limit int) {
	*b = Budget{ctx: ctx, limit: limit, left: limit}
}

const (
	portion   = 64 << 10  // bytes that a decoder takes at a time
	valueOf   = 24        // bytes of a value in an interface, besides what it holds
	slotOf    = 32        // bytes of an element of type any, in a list that grows
	groupOf   = 340       // bytes of a map with its first members
	memberOf  = 64        // bytes of each member of a map
	partOf    = 48        // bytes of an encoded element, in a list that grows
	largeBody = 256 << 10 // bytes of a value that is measured before it is decoded into an any

	levelOf = 512 // bytes of stack for each level of depth
)

// turns limit how many bodies above a size are decoded at once. A body takes its turns in this
// order, so no two bodies wait for each other.
var turns = [...]struct {
	above int
	slots chan struct{} // has a token for each body
}{
	{256 << 10, make(chan struct{}, 8)},
	{4 << 20, make(chan struct{}, 1)},
}

// Close lets waiting bodies be decoded. Values that were decoded stay valid.
func (b *Budget) Close() {
	if b == nil {
		return
	}
	for ; b.turns > 0; b.turns-- {
		<-turns[b.turns-1].slots
	}
}

// Charge takes n bytes from the budget. It is for what a caller allocates for decoded values.
func (b *Budget) Charge(n int) error {
	if b == nil {
		return nil
	}
	if err := b.ctx.Err(); err != nil {
		return err
	}
	if n > b.left {
		return &OverBudget{b.limit}
	}
	b.left -= n
	for b.turns < len(turns) && b.limit-b.left > turns[b.turns].above {
		select {
		case turns[b.turns].slots <- struct{}{}:
			b.turns++
		case <-b.ctx.Done():
			return b.ctx.Err()
		}
	}
	return nil
}

// An OverBudget is the error of a body that would take more memory than its [Budget] has. Limit is
// in bytes.
type OverBudget struct{ Limit int }

func (e *OverBudget) Error() string {
	return fmt.Sprintf("takes more than max_decoded, %d bytes, when it is decoded", e.Limit)
}

// Unread reports whether err says that a body was not read to its end because its budget was used
// up or its context had ended. The body may be valid.
func Unread(err error) bool {
	var over *OverBudget
	return errors.As(err, &over) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
