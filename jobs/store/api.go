package store

import (
	"context"
	"errors"
	"time"
)

// Migrate creates the tables, or brings them to the version of this program. It returns the version
// before and after; both are the same if there was nothing to do. Tables that are newer are left
// alone, with a [SchemaError]. Processes that call it at the same time wait for each other.
func (s *Store) Migrate(ctx context.Context) (from, to int, err error) { return 0, 0, errors.ErrUnsupported }

// Check returns a [SchemaError], which names gomeko jobs migrate, if the tables are missing, too old
// or too new for this program.
func (s *Store) Check(ctx context.Context) error { return errors.ErrUnsupported }

// ID returns the random id that the store was given with its tables. Two processes whose stores have
// the same ID work on the same rows.
func (s *Store) ID(ctx context.Context) (string, error) { return "", errors.ErrUnsupported }

// Insert adds jobs, all or none of them. For each it reports whether it was added: false says that
// the store has a job of this id already, which is left as it is. Jobs get their Seq in this order.
func (s *Store) Insert(ctx context.Context, jobs ...New) ([]bool, error) { return nil, errors.ErrUnsupported }

// InsertTx is [Store.Insert] in a transaction of the caller, on the store's database. If the
// transaction is rolled back, the jobs were never there.
func (s *Store) InsertTx(ctx context.Context, tx Executor, jobs ...New) ([]bool, error) {
	return nil, errors.ErrUnsupported
}

// A Claim says which jobs a worker takes, and for how long.
type Claim struct {
	Owner string // the process; random for each start of it
	Host  string // the name of its machine
	Queue string
	// Names are the jobs' names to take. The default is all, which is also the fastest. With both
	// Names and Except empty, the best job of the whole queue is taken.
	Names []string
	// Except are names not to take, if Names is empty.
	Except []string
	Limit  int           // at most so many jobs, from 1 to 1000
	Lease  time.Duration // until when no other worker takes them
}

// Claim takes jobs that are queued: those with the highest Priority first, then those with the oldest
// RunAt, then those with the lowest Seq. It sets their state to running, counts an attempt, and
// returns them in this order. No two claims take the same job. No job and no error says that none is
// queued.
func (s *Store) Claim(ctx context.Context, c Claim) ([]Job, error) { return nil, errors.ErrUnsupported }

// ClaimHooks takes jobs that have ended and whose hook is due, oldest first. Their state does not
// change. The worker calls [Store.HookRan] when the hook has run, or if the job has none.
func (s *Store) ClaimHooks(ctx context.Context, c Claim) ([]Job, error) { return nil, errors.ErrUnsupported }

// Renewed is what [Store.Renew] says about a job that the owner still holds.
type Renewed struct {
	Attempt int  // compare it: a job that the same owner has lost and claimed again has a higher one
	Cancel  bool // somebody wants the job cancelled
}

// Renew extends the leases of jobs that owner runs, or whose hook it runs, in one statement: they end
// lease from now. An id that is missing from the result is lost: the lease has ended and was
// swept, or the job has ended. Its worker must stop.
func (s *Store) Renew(ctx context.Context, owner string, lease time.Duration, ids []string) (map[string]Renewed, error) {
	return nil, errors.ErrUnsupported
}

// Cancelled returns the ids of jobs that owner runs and that somebody wants cancelled.
func (s *Store) Cancelled(ctx context.Context, owner string) ([]string, error) { return nil, errors.ErrUnsupported }

// An End says what has become of an attempt. ID, Owner and Attempt are those of the claimed [Job].
type End struct {
	ID      string
	Owner   string
	Attempt int
	// State is the state that the job gets: a final one; Scheduled, to be tried again after In; or
	// Queued, to give it back as if it had never been claimed: the attempt is not counted.
	// If somebody has cancelled the job meanwhile, it gets Cancelled in place of Scheduled or
	// Queued, with a hook that is due.
	State State
	In    time.Duration

	Result    []byte // JSON, for Succeeded
	ErrorType string
	Error     string // clipped to 64 KiB
	// Kind records the attempt in the job's history, with Error and Stack. "" records nothing: an
	// attempt that succeeded, or was given back.
	Kind  string
	Stack string // clipped to 64 KiB

	// Hook says that the job has ended and that something follows it. The owner keeps the job for
	// HookLease, to run the hook and to call [Store.HookRan].
	Hook      bool
	HookLease time.Duration
}

// Finish records ends, all or none of them. For each it reports whether it counts: false says that
// the owner had lost the job, so that nothing was changed. To repeat an End after an error is safe,
// if it was recorded already.
func (s *Store) Finish(ctx context.Context, ends ...End) ([]bool, error) { return nil, errors.ErrUnsupported }

// HookRan records that owner has run the hook of a job. It returns [ErrLost] if owner does not hold it.
func (s *Store) HookRan(ctx context.Context, id, owner string) error { return errors.ErrUnsupported }

// SetProgress records how far a running job has come: a fraction from 0 to 1, and a text of at most
// 255 bytes. It returns [ErrLost] if owner does not run this attempt.
func (s *Store) SetProgress(ctx context.Context, id, owner string, attempt int, fraction float64, text string) error {
	return errors.ErrUnsupported
}

// Cancel cancels a job. One that waits never runs: it is returned as Cancelled, its hook due. For one
// that runs, [Job.Cancel] is set, which its worker sees within a second. A job that is cancelled
// already is returned as it is, and one that has ended otherwise with a [StateError].
func (s *Store) Cancel(ctx context.Context, id string) (Job, error) { return Job{}, errors.ErrUnsupported }

// Retry queues a job that has ended once more, with payload if that is not nil. Its result, its error
// and its deaths are cleared. Its attempts keep their numbers. A job that has not ended, or whose
// hook runs now, is returned with a [StateError].
func (s *Store) Retry(ctx context.Context, id string, payload []byte) (Job, error) {
	return Job{}, errors.ErrUnsupported
}

// Get returns the jobs of these ids, in this order. Ids that the store does not have are left out.
func (s *Store) Get(ctx context.Context, ids ...string) ([]Job, error) { return nil, errors.ErrUnsupported }

// Attempts returns the attempts of a job that did not end in success, oldest first.
func (s *Store) Attempts(ctx context.Context, id string) ([]Attempt, error) { return nil, errors.ErrUnsupported }

// A Filter selects jobs. The zero Filter selects all.
type Filter struct {
	Service string
	Name    string
	Queue   string
	States  []State
	Before  int64 // only jobs with a lower Seq: the Seq of the last job of the page before
	Limit   int   // of a page; the default is 100
}

// List returns a page of jobs, newest first, without Payload, Headers and Result: [Store.Get] has them.
func (s *Store) List(ctx context.Context, f Filter) ([]Job, error) { return nil, errors.ErrUnsupported }

// A Count is how many jobs there are of a name in a state.
type Count struct {
	Service string
	Name    string
	State   State
	Jobs    int64
}

// Counts counts all jobs, ordered by Service, Name and State. It reads an index from end to end:
// about a tenth of a second for a million jobs.
func (s *Store) Counts(ctx context.Context) ([]Count, error) { return nil, errors.ErrUnsupported }

// A Sweep says how [Store.Sweep] works.
type Sweep struct {
	Deaths int           // at so many deaths a job fails, as a suspect; 0: never
	Batch  int           // at most so many jobs of each kind; the default is 500
	Again  time.Duration // as the constant [Again], which is the default
}

// Swept is what [Store.Sweep] has done.
type Swept struct {
	// Nudge are the jobs that a worker should be woken for, without Payload, Headers and Result.
	// They are queued, or have ended with a hook that is due.
	Nudge []Job
	// Suspects are the jobs that failed because too many workers died with them.
	Suspects []Job
	// Killed is how many leases had ended, those of Suspects among them.
	Killed int
	// Next is how long it takes until the next job is due, 0 if none is known. It is a nanosecond
	// if more are due already.
	Next time.Duration
	// Busy says that another process sweeps at this moment, so that nothing was done.
	Busy bool
}

// Sweep does what is due: it queues jobs whose time has come, and jobs and hooks whose leases have
// ended. It also returns queued jobs and due hooks that no worker has taken for some time. It is
// called about each second, in every process: one sweeps, the others return at once.
func (s *Store) Sweep(ctx context.Context, w Sweep) (Swept, error) { return Swept{}, errors.ErrUnsupported }

// Prune deletes jobs that ended more than keep ago, at most limit of them, and returns how many.
// Those whose hook has not run yet are kept.
func (s *Store) Prune(ctx context.Context, keep time.Duration, limit int) (int, error) {
	return 0, errors.ErrUnsupported
}
