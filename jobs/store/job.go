package store

import "time"

// A State is the stage of a job's life.
type State string

// The states of a job.
const (
	Scheduled State = "scheduled" // waits until [Job.RunAt]: it was delayed, or will be retried
	Queued    State = "queued"    // waits for a worker
	Running   State = "running"   // a worker holds it, until [Job.Lease]
	Succeeded State = "succeeded" // final: the method returned a result
	Failed    State = "failed"    // final: the method failed for the last time
	Cancelled State = "cancelled" // final: it was cancelled, or its method dropped it
)

// States returns all states, in the order in which a job may reach them.
func States() []State {
	return []State{Scheduled, Queued, Running, Succeeded, Failed, Cancelled}
}

// Final reports whether a job in this state has ended. Only [Store.Retry] changes it afterwards.
func (s State) Final() bool { return s == Succeeded || s == Failed || s == Cancelled }

// A Hook is the state of what follows the end of a job: its done hook, and the message with its
// outcome to [Job.ReplyTo].
type Hook string

// The values of a [Hook].
const (
	HookNone    Hook = "none"    // the job has not ended, or nothing follows
	HookDue     Hook = "due"     // must run: a worker claims it with [Store.ClaimHooks]
	HookRunning Hook = "running" // a worker runs it, until [Job.Lease]
	HookRan     Hook = "ran"     // has run
)

// A Job is a row of the store.
type Job struct {
	Seq     int64  // numbers rows in the order of insertion
	ID      string // set by the caller, or random; unique in the store
	Service string // the service that has the method
	Name    string // the name of the job in this service
	Queue   string // the AMQP queue of the workers
	State   State

	Priority    int    // a higher one runs first; the default is 0
	Payload     []byte // the body of the message, as it came
	ContentType string
	Headers     string // a JSON object: the call id stack and the context data
	ReplyTo     string // the queue to which the outcome is sent; "" for none
	// CorrelationID is that of the message with the outcome.
	CorrelationID string

	Created  time.Time // when the row was inserted
	RunAt    time.Time // no worker takes it before
	Started  time.Time // when its latest attempt began; zero if none did, or if the attempt was given back
	Finished time.Time // when it became final; else zero
	Lease    time.Time // until when Owner holds the job or its hook; zero if no process does

	Owner   string // the process that runs the job, or ran it last; "" if that process died
	Host    string // the machine of Owner
	Attempt int    // how many attempts have begun, without those that were given back
	Earlier int    // how many of them had begun when [Store.Retry] last queued the job again
	Deaths  int    // how many of them ended because a worker died or hung and its lease expired
	Nudges  int    // how often the sweeper has asked for a worker for it
	Cancel  bool   // the running job was asked to stop

	Progress     *float64 // from 0 to 1; nil if the method has not reported any
	ProgressText string
	Result       []byte // JSON; nil unless the job has succeeded
	ErrorType    string // the type of the error, as on the wire
	Error        string // of the latest attempt that failed; at most 64 KiB
	Hook         Hook

	Version     string    // of the [Spec] from which the next fields were computed; "" if there was none
	UniqueKey   string    // "" if the job is not unique
	UniqueUntil time.Time // until when the job holds UniqueKey even after its end; zero: until its end
	Resource    string    // "" if it has none
	Pass        bool      // other jobs of Resource may go first while this one waits for its next attempt
}

// An Attempt is one run of a job that did not succeed.
type Attempt struct {
	Number  int // 1 for the first
	Owner   string
	Host    string
	Started time.Time
	Ended   time.Time
	Kind    string // how it ended: one of the constants Kind…
	Error   string // at most 64 KiB
	Stack   string // at most 64 KiB
}

// Values of [Attempt.Kind] and [End.Kind].
const (
	KindFault     = "fault"     // the method returned an error, or panicked
	KindTimeout   = "timeout"   // the method took too long
	KindCancelled = "cancelled" // the job was cancelled, or its method dropped it
	KindKilled    = "killed"    // the lease expired: the worker died, hung, or lost the database
)

// Suspect is the [Job.ErrorType] of a job that failed because too many workers died while running
// it.
const Suspect = "suspect"

// A New describes a job to insert.
type New struct {
	ID      string // at most 255 bytes; required, as are Service, Name and Queue
	Service string
	Name    string
	Queue   string

	Priority      int // from -32768 to 32767
	Payload       []byte
	ContentType   string
	Headers       string // a JSON object, or ""
	ReplyTo       string
	CorrelationID string

	// In delays the job by a duration, and At until a time of the database's clock. At most one of
	// them may be set. By default the job may run at once.
	In time.Duration
	At time.Time
	// Nudged says that a message has woken or will wake a worker. The sweeper then waits for
	// [Again] before it asks for a worker. If not set, the next sweep asks for one.
	Nudged bool

	Terms
}

// Terms are the rules that the row of a service sets for one of its jobs: see [Spec]. The zero
// Terms set none.
type Terms struct {
	// Version is that of the [Spec] from which the other fields were computed, or "" if there is
	// none. A job whose version is not the current one is not inserted.
	Version string
	// UniqueKey is held by one job of a service and name at a time, until it has ended. Meanwhile
	// no other job with this key is inserted. "" means that the job is not unique.
	UniqueKey string
	// UniqueFor, if positive, is the minimum time for which the job holds UniqueKey, from now.
	UniqueFor time.Duration
	// Resource names a resource, or is "". Jobs of all services with the same resource run one
	// after the other, in the order of their Seq.
	Resource string
	// Pass lets other jobs of Resource go first while this one waits for its next attempt.
	// Otherwise they wait for it.
	Pass bool
}
