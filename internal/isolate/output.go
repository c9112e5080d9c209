package isolate

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/gomeko/gomeko/internal/clip"
)

const (
	maxLine  = 16 << 10 // bytes of a line of output; a longer line is split
	maxStack = 64 << 10 // bytes of stacks in a log line
	maxCrash = 1 << 20  // bytes of crash output that are kept for each process
)

// output logs what a child prints, line by line.
func (c *process) output(stream string, from *os.File) {
	r := bufio.NewReaderSize(from, maxLine)
	for {
		line, err := r.ReadSlice('\n')
		if text := string(bytes.TrimRight(line, "\r\n")); len(line) > 0 && (stream != "stderr" || !c.crash.take(text)) {
			c.print(stream, text)
		}
		if err != nil && err != bufio.ErrBufferFull { //nolint:errorlint // package bufio returns it unwrapped
			_, _ = io.Copy(io.Discard, r)
			return
		}
	}
}

// print logs a line of output.
func (c *process) print(stream, line string) {
	ctx := context.Background()
	if at := c.occupied.Load(); at != nil {
		ctx = at.ctx
	}
	c.pool.row.Logger().InfoContext(ctx, "output of an isolated process", "stream", stream, "line", line, "pid", c.cmd.Process.Pid)
}

// A crash collects what Go prints when a program crashes. From the first such line on, standard
// error is not logged line by line.
type crash struct {
	mu    sync.Mutex
	lines []string
	size  int
	used  bool // it is part of another log line
}

// crashes lists the prefixes with which Go's crash output can begin.
var crashes = []string{"panic: ", "fatal error: ", "runtime: ", "SIG", "[signal ", "unexpected fault address ", "unexpected signal "}

// take adds a line to the crash. It returns false if the line does not belong to a crash.
func (c *crash) take(line string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.lines) == 0 && !slices.ContainsFunc(crashes, func(head string) bool { return strings.HasPrefix(line, head) }) {
		return false
	}
	if c.size < maxCrash {
		c.lines = append(c.lines, line)
		c.size += len(line) + 1
	}
	return true
}

// head returns the line that says why the process crashed, or "" if it did not. The runtime may
// print details before that line.
func (c *crash) head() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.lines) == 0 {
		return ""
	}
	for _, line := range c.lines[:min(len(c.lines), 10)] {
		if strings.HasPrefix(line, "fatal error: ") || strings.HasPrefix(line, "panic: ") {
			return clip.Text(line, clip.Log)
		}
	}
	return clip.Text(c.lines[0], clip.Log)
}

// stack returns the crash output for a log line, beginning with the goroutines that run the method.
func (c *crash) stack(method string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used = true
	return focused(strings.Join(c.lines, "\n"), method)
}

// focused returns stacks for a log line, beginning with those of goroutines that run the method.
func focused(stacks, method string) string {
	var first, others []string
	for block := range strings.SplitSeq(stacks, "\n\n") {
		if strings.Contains(block, method) {
			first = append(first, block)
		} else {
			others = append(others, block)
		}
	}
	return clip.Text(strings.Join(append(first, others...), "\n\n"), maxStack)
}

// settle logs the lines that looked like a crash, because the process has lived on.
func (c *crash) settle(p *process) {
	c.mu.Lock()
	lines := c.lines
	c.lines, c.size = nil, 0
	c.mu.Unlock()
	for _, line := range lines {
		p.print("stderr", line)
	}
}

// flush logs, line by line, crash output that is not part of another log line because no call was
// running.
func (c *crash) flush(p *process) {
	c.mu.Lock()
	lines := c.lines
	if c.used || p.occupied.Load() != nil {
		lines = nil
	}
	c.mu.Unlock()
	for _, line := range lines {
		p.print("stderr", line)
	}
}
