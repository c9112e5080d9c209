package store

import "time"

// A State is what a job does, or what has become of it.
type State string

// The states of a job.
const (
	Scheduled State = "scheduled" // waits until [Job.RunAt]: it was delayed, or will be tried again
	Queued    State = "queued"    // waits for a worker
	Running   State = "running"   // a worker holds it, until [Job.Lease]
	Succeeded State = "succeeded" // final: the method has returned a result
	Failed    State = "failed"    // final: the method has failed for the last time
	Cancelled State = "cancelled" // final: somebody cancelled it, or its method dropped it
)

// States returns all states, in the order in which a job may have them.
func States() []State {
	return []State{Scheduled, Queued, Running, Succeeded, Failed, Cancelled}
}

// Final reports whether a job in this state has ended. Only [Store.Retry] changes it afterwards.
func (s State) Final() bool { return s == Succeeded || s == Failed || s == Cancelled }

// A Hook says whether what follows the end of a job has been done: its done hook, and the message
// with its outcome to [Job.ReplyTo].
type Hook string

// The values of a [Hook].
const (
	HookNone    Hook = "none"    // the job has not ended, or nothing follows
	HookDue     Hook = "due"     // must run: a worker gets it by [Store.ClaimHooks]
	HookRunning Hook = "running" // a worker runs it, until [Job.Lease]
	HookRan     Hook = "ran"     // has run
)

// A Job is a row of the store.
type Job struct {
	Seq     int64  // numbers rows in the order in which they were inserted
	ID      string // the caller's or a random one; unique in the store
	Service string // the service that has the method
	Name    string // the job's name in this service
	Queue   string // the AMQP queue of the workers
	State   State

	Priority    int    // a higher one runs first; the default is 0
	Payload     []byte // the body of the message, as it came
	ContentType string
	Headers     string // a JSON object: the call id stack and the context data
	ReplyTo     string // the queue that is sent the outcome; "" if nobody asked
	// CorrelationID is the one of the message with the outcome.
	CorrelationID string

	Created  time.Time // when the row was inserted
	RunAt    time.Time // no worker takes it before
	Started  time.Time // when its latest attempt began; zero if none did, or if that was given back
	Finished time.Time // when it became final; zero before
	Lease    time.Time // until when Owner holds the job or its hook; zero if nobody does

	Owner   string // the process that runs the job, or has run it last; "" if that one died
	Host    string // the machine of Owner
	Attempt int    // how many attempts have begun. One that was given back does not count
	Earlier int    // how many of them had begun when [Store.Retry] queued the job again, for the last time
	Deaths  int    // how many of them ended with the lease, because a worker died or hung
	Nudges  int    // how many times the sweeper has asked to wake a worker for it
	Cancel  bool   // somebody wants a running job cancelled

	Progress     *float64 // from 0 to 1; nil if the method has reported none
	ProgressText string
	Result       []byte // JSON; nil unless the job has succeeded
	ErrorType    string // the type of the error, as on the wire
	Error        string // of the latest attempt that failed; at most 64 KiB
	Hook         Hook

	Version     string    // of the [Spec] by which the next fields were computed; "" if there was none
	UniqueKey   string    // "" if the job is not unique
	UniqueUntil time.Time // until when the job holds UniqueKey even if it has ended; zero: until it ends
	Resource    string    // "" if it has none
	Pass        bool      // others of Resource go first while the job waits for its next attempt
}

// An Attempt is one run of a job that did not end in success.
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
	KindCancelled = "cancelled" // somebody cancelled the job, or its method dropped it
	KindKilled    = "killed"    // the lease ended: the worker died, hung, or lost the database
)

// Suspect is the [Job.ErrorType] of a job that failed because too many workers died with it.
const Suspect = "suspect"

// New describes a job to be inserted.
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

	// In delays the job, and so does At, which is read by the database's clock. The default is that
	// it may run at once. At most one of both may be set.
	In time.Duration
	At time.Time
	// Nudged says that a message has woken a worker, or will: the sweeper then waits for [Again]
	// before it asks for another one. Without it, the next sweep asks for one.
	Nudged bool

	Terms
}

// Terms are what the row of a service says about one of its jobs: see [Spec]. The zero Terms say
// nothing.
type Terms struct {
	// Version is that of the [Spec] that the other fields were computed by, "" if there is none. A
	// job with another version than the current one is not inserted.
	Version string
	// UniqueKey is held by one job of a service and name at a time, until it has ended: while one
	// does, no other one is inserted. "" is not unique.
	UniqueKey string
	// UniqueFor, if it is positive, is how long the job holds UniqueKey at least, from now.
	UniqueFor time.Duration
	// Resource, if it is not "", is what jobs of all services have in common that run one after the
	// other, in the order of their Seq.
	Resource string
	// Pass says that other jobs of Resource go first while this one waits for its next attempt.
	// Otherwise they wait for it.
	Pass bool
}
