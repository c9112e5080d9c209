package rpc

// Waiting returns the number of calls that wait for a reply, of all clients of c's connection.
func (c Client) Waiting() int {
	c.caller.mu.Lock()
	defer c.caller.mu.Unlock()
	return len(c.caller.pending)
}
