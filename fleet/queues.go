package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gomeko/gomeko/internal/control"
	"github.com/gomeko/gomeko/transport"
)

// queuesPart is the member of the answer to the verb info that lists the names of the queues that
// the process has declared or consumes.
const queuesPart = "queues"

// Queues returns the sorted names of the queues that running processes have declared or consume,
// and the instances that have answered. It waits for answers as [Survey] does.
func Queues(ctx context.Context, conn *transport.Conn, wait time.Duration) (queues, instances []string, err error) {
	answers, err := Survey(ctx, conn, Question{Verb: string(control.Info), Wait: wait})
	if err != nil {
		return nil, nil, err
	}
	names := map[string]bool{}
	for _, a := range answers.Answers {
		var parts map[string]json.RawMessage
		var own []string
		if json.Unmarshal(a.Answer, &parts) != nil || parts[queuesPart] == nil {
			continue // an older version, which does not report them
		}
		if err := json.Unmarshal(parts[queuesPart], &own); err != nil {
			return nil, nil, fmt.Errorf("the queues of %s: %w", a.Instance, err)
		}
		instances = append(instances, a.Instance)
		for _, name := range own {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names)), instances, nil
}
