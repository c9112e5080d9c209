package rpc

import "time"

// Waiting returns the number of calls that wait for a reply, among all clients of c's connection.
func (c Client) Waiting() int {
	c.caller.mu.Lock()
	defer c.caller.mu.Unlock()
	return len(c.caller.pending)
}

// WithBeat returns c with another maximum time between two credits.
func (c Config) WithBeat(d time.Duration) Config {
	c.pulse = d
	return c
}
