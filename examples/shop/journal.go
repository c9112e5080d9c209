package shop

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gomeko/gomeko/jobs"
)

// A Journal stands in for the databases and buckets of the shop: it records what was done with
// them.
type Journal struct {
	Step time.Duration // how long each piece of work takes

	mu    sync.Mutex
	inUse map[string]string // what uses each resource
	lines []string
}

// NewJournal returns an empty Journal.
func NewJournal() *Journal { return &Journal{Step: 100 * time.Millisecond, inUse: map[string]string{}} }

// Work does some work with a resource. It fails if something else is using the resource.
func (j *Journal) Work(ctx context.Context, resource, what string, testOnly bool) error {
	j.mu.Lock()
	other := j.inUse[resource]
	if other == "" {
		j.inUse[resource] = what
	}
	j.mu.Unlock()
	if other != "" {
		return fmt.Errorf("%s is in use by %s", resource, other)
	}
	defer func() {
		j.mu.Lock()
		delete(j.inUse, resource)
		j.mu.Unlock()
	}()
	for part := range parts {
		select {
		case <-time.After(j.Step / parts):
			jobs.Progress(ctx, float64(part+1)/parts, what)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if testOnly {
		what += " (test only)"
	}
	j.Note(resource + ": " + what)
	return nil
}

// parts is the number of parts of a piece of work, which reports its progress after each.
const parts = 10

// Note adds a line.
func (j *Journal) Note(line string) {
	j.mu.Lock()
	j.lines = append(j.lines, line)
	j.mu.Unlock()
}

// Lines returns the lines.
func (j *Journal) Lines() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines)
}
