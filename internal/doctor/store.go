package doctor

import (
	"context"
	"errors"
	"time"

	"github.com/gomeko/gomeko/jobs/store"
)

// examineStore checks whether the store of jobs can be used, and its clock.
func (x *examination) examineStore(ctx context.Context) {
	if x.Store == nil || ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	s, err := x.Store(ctx)
	if err != nil {
		x.add(Problem, "store", "the store of jobs", "%v", err).
			remedy("start the database, or correct gomeko.jobs.store in the configuration or GOMEKO_JOBS_STORE in the environment")
		return
	}
	defer func() { _ = s.Close() }() // nothing has been written
	began := time.Now()
	now, err := s.Clock(ctx)
	if err == nil {
		x.clock("the database "+s.Name(), now, began, time.Since(began), 0)
		err = s.Check(ctx)
	}
	var schema *store.SchemaError
	switch {
	case err == nil:
		x.add(Info, "store", s.Name(), "the tables of jobs are those of this version")
	case errors.As(err, &schema) && schema.Have > schema.Want:
		x.add(Problem, "store-newer", s.Name(), "the tables of jobs have version %d, this program knows only %d", schema.Have, schema.Want).
			remedy("build the services with the version of gomeko whose gomeko jobs migrate was run")
	case schema != nil && x.Migrated:
		x.add(Info, "store", s.Name(), "services will bring the tables of jobs to the version %d", schema.Want)
	case errors.As(err, &schema) && schema.Have == 0:
		x.add(Problem, "store-missing", s.Name(), "the database has no tables for jobs").remedy("gomeko jobs migrate")
	case errors.As(err, &schema):
		x.add(Problem, "store-older", s.Name(), "the tables of jobs have version %d, this program needs %d", schema.Have, schema.Want).
			remedy("gomeko jobs migrate")
	default:
		x.add(Problem, "store", s.Name(), "%v", err).remedy("grant the user of the database access to the tables whose names begin with gomeko_")
	}
}

// skewLimit is the largest acceptable difference between two clocks.
const skewLimit = 5 * time.Second

// clock compares another clock with the clock of this host. It was read after began, which took
// took, and it has the given resolution.
func (x *examination) clock(where string, there, began time.Time, took, resolution time.Duration) {
	ahead, behind := there.Sub(began.Add(took)), began.Sub(there.Add(resolution))
	skew, word := ahead, "ahead of"
	if behind > ahead {
		skew, word = behind, "behind"
	}
	if skew > skewLimit {
		x.add(Warning, "clock", where, "its clock is %s %s that of this host: ticks of timers and times in logs do not agree", skew.Round(time.Second), word).
			remedy("timedatectl set-ntp true, on both hosts")
	}
}
