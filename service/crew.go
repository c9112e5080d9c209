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
	idle []chan task
	over bool
}

// A task is work for a goroutine, the number of which, as traces write it, it is told.
type task interface{ work(number *string) }

// run runs t in a goroutine.
func (c *crew) run(t task) {
	c.mu.Lock()
	last := len(c.idle) - 1
	if last < 0 {
		c.mu.Unlock()
		go c.hand(t)
		return
	}
	next := c.idle[last]
	c.idle = c.idle[:last]
	c.mu.Unlock()
	next <- t
}

// hand is one of the goroutines.
func (c *crew) hand(t task) {
	number, next := goroutine(), make(chan task, 1)
	for {
		t.work(&number)
		c.mu.Lock()
		if c.over || len(c.idle) == idleHands {
			c.mu.Unlock()
			return
		}
		c.idle = append(c.idle, next)
		c.mu.Unlock()
		if t = <-next; t == nil {
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
