package service

import (
	"bytes"
	"runtime"
	"sync"
)

// idleHands is how many goroutines of a crew wait for work.
const idleHands = 256

// A crew is goroutines that live on: one that has run a call has grown the stack that the next call needs, which costs
// more than all else that a goroutine does.
type crew struct {
	leaving sync.WaitGroup // idle ones that were told to end

	mu   sync.Mutex
	idle []chan func(number *string)
	over bool
}

// run runs work in a goroutine, and tells it the number of that, as traces write it.
func (c *crew) run(work func(number *string)) {
	c.mu.Lock()
	last := len(c.idle) - 1
	if last < 0 {
		c.mu.Unlock()
		go c.hand(work)
		return
	}
	next := c.idle[last]
	c.idle = c.idle[:last]
	c.mu.Unlock()
	next <- work
}

// hand is one of the goroutines.
func (c *crew) hand(work func(number *string)) {
	number, next := goroutine(), make(chan func(*string), 1)
	for {
		work(&number)
		c.mu.Lock()
		if c.over || len(c.idle) == idleHands {
			c.mu.Unlock()
			return
		}
		c.idle = append(c.idle, next)
		c.mu.Unlock()
		if work = <-next; work == nil {
			c.leaving.Done()
			return
		}
	}
}

// end ends the goroutines that have nothing to do, and the others when they have done it.
func (c *crew) end() {
	c.mu.Lock()
	c.over = true
	c.leaving.Add(len(c.idle))
	for _, next := range c.idle {
		next <- nil
	}
	c.idle = nil
	c.mu.Unlock()
	c.leaving.Wait()
}

// goroutine returns the number of the goroutine it is called in.
func goroutine() string {
	head := make([]byte, 64)
	head = head[:runtime.Stack(head, false)]
	number, _, _ := bytes.Cut(bytes.TrimPrefix(head, []byte("goroutine ")), []byte(" "))
	return string(number)
}
