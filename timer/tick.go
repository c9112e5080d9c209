package timer

import "time"

// A Tick is what a method is told of its call, if it takes one after ctx.
type Tick struct {
	// Time is when the tick was due: a whole number of intervals after the start, without jitter, by the clock as it
	// is set now. The call may have begun later.
	Time time.Time
}
