package shell

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"github.com/gomeko/gomeko/fleet"
)

// surveyWait is how long n.services waits for the fleet.
const surveyWait = time.Second

// listServices implements n.services: a table with a row for each service in each process that
// answers, and one for a service's consumers that do not answer.
func (s *Shell) listServices(ctx context.Context) (starlark.Value, error) {
	answers, err := fleet.Survey(ctx, s.Conn, fleet.Question{Verb: "stats", Wait: surveyWait})
	if err != nil {
		return nil, err
	}
	var rows []starlark.Value
	for _, a := range answers.Answers {
		var stats fleet.Stats
		if a.Error != "" || json.Unmarshal(a.Answer, &stats) != nil {
			continue
		}
		for i := range stats.Services {
			rows = append(rows, serviceRow(a, stats, &stats.Services[i]))
		}
	}
	for _, c := range answers.Counts {
		if c.Others > 0 {
			rows = append(rows, dictOf("service", starlark.String(c.Service), "others", starlark.MakeInt(c.Others)))
		}
	}
	slices.SortStableFunc(rows, func(a, b starlark.Value) int { return strings.Compare(nameOf(a), nameOf(b)) })
	return newTable(rows), nil
}

// serviceRow returns a row of n.services. Times are in seconds.
func serviceRow(a fleet.Answer, stats fleet.Stats, s *fleet.ServiceStats) starlark.Value {
	var all fleet.RowStats
	for i := range s.Rows {
		all.Add(&s.Rows[i])
	}
	version := ""
	for _, of := range a.Services {
		if of.Name == s.Service {
			version = of.Version
		}
	}
	return dictOf(
		"service", starlark.String(s.Service),
		"instance", starlark.String(a.Instance),
		"version", starlark.String(version),
		"uptime", starlark.MakeInt64(int64(time.Since(stats.Started).Seconds())),
		"busy", starlark.MakeInt64(all.Running),
		"workers", starlark.MakeInt(s.Workers),
		"calls", starlark.MakeUint64(all.Calls()),
		"errors", starlark.MakeUint64(all.Errors()),
		"p99", starlark.Float(all.Quantile(0.99).Seconds()),
	)
}

// dictOf returns a dict of names and values.
func dictOf(pairs ...any) *starlark.Dict {
	d := starlark.NewDict(len(pairs) / 2)
	for i := 0; i < len(pairs); i += 2 {
		_ = d.SetKey(starlark.String(pairs[i].(string)), pairs[i+1].(starlark.Value)) // the dict is not frozen
	}
	return d
}

func nameOf(row starlark.Value) string {
	v, _, _ := row.(*starlark.Dict).Get(starlark.String("service")) // a string is hashable
	name, _ := starlark.AsString(v)
	return name
}
