// Package jobs runs work in the background and keeps a record of each job: its state, its result,
// and every attempt that failed.
//
// A [Job] is a row of a service whose method does the work. A [Client], in any service or program,
// enqueues jobs, to run now or later:
//
//	type Images struct {
//		_ service.Name `service:"images"`
//
//		Entrypoints struct {
//			Resize jobs.Job `jobs:"resize(url, width=200)" retry:"10s 1m 10m" timeout:"2h" done:"Resized"`
//		}
//	}
//
//	func (i *Images) Resize(ctx context.Context, url string, width int) (Image, error)
//	func (i *Images) Resized(ctx context.Context, o jobs.Outcome) error // once the job is final
//
//	type ImageJobs struct {
//		_      jobs.Client `jobs:"images"`
//		Resize func(ctx context.Context, url string, o ...jobs.Option) (jobs.Ref[Image], error) `jobs:"resize"`
//	}
//
//	ref, err := s.Images.Resize(ctx, url, jobs.In(time.Hour))
//	img, err := ref.Wait(ctx)
//
// # The row and the message
//
// With a store, SQLite or PostgreSQL ([Config]), each job has a row there, and the row is the job.
// A message on the broker wakes a worker, which inserts the row if it is missing. A program in any
// language can therefore enqueue a job by publishing a message, without access to the database.
// Messages may be lost or duplicated. A free worker claims the job of its queue with the highest
// priority, the oldest first.
//
// A worker holds a lease on the job that it runs, and renews it until the job ends. If the worker
// dies, the lease expires, and another worker runs the job. A job fails as a suspect ([ErrSuspect])
// after three workers have died while running it. A process runs only one job at a time that
// another death would make a suspect. A job that kills its workers thus does not make suspects of
// the jobs that run beside it.
//
// # Periodic jobs
//
// With the key cron, a job of the row is enqueued at the times of a cron expression, once in the
// fleet:
//
//	Nightly jobs.Job `jobs:"nightly" cron:"30 2 * * *" tz:"Europe/Madrid" retry:"1m 10m"`
//
//	func (r *Reports) Nightly(ctx context.Context, tick timer.Tick) error
//
// Every process of the service computes the ticks, and the store decides which process enqueues the
// job: there is no leader. Package timer/cron describes the expressions, and what happens when
// clocks change. The key tz sets their time zone; the default is UTC. A tick passes no arguments,
// so every parameter needs a default. The method may take a timer.Tick after ctx, with the time at
// which the tick was due; this time is the same in each attempt.
//
//   - missed says what happens to late ticks: those that were due while no process was running,
//     or while the job of the previous tick had not ended. "once", the default, enqueues one job
//     for all of them; "all" enqueues one for each, up to 1000; "skip" drops those that are late
//     by more than three minutes, or by more than half the time to the following tick.
//   - overlap says what happens if the job of the previous tick has not ended. With "skip", the
//     default, the tick is late; with "allow", its job is enqueued anyway; with "queue", it is
//     enqueued too, but the jobs of the ticks run one after the other.
//
// If processes have different schedules for a row, all of them follow the process that was started
// last. The ticks of a new schedule are due from then on. gomeko cron lists the rows, pauses,
// resumes and runs them, and forgets those that are no longer in the code.
//
// # Unique jobs
//
// With the key unique, a job is enqueued only if no other job with the same arguments waits or
// runs:
//
//	Sync jobs.Job `jobs:"sync(tenant_id, full=False)" unique:"tenant_id" unique_for:"1h"`
//
// The value names the parameters that make the key; "true" means all of them. It makes no
// difference whether an argument is passed by position, by name, or is the default of its
// parameter. Enqueueing a duplicate returns the Ref of the existing job. A unique index in the
// database enforces this for any number of processes. With unique_for, a job keeps its key for at
// least this time after it was enqueued, even if it ends sooner.
//
// # Resources
//
// Jobs of rows with the same resource run one at a time in the whole fleet, whatever their service
// and queue, in the order in which their rows were inserted:
//
//	Update jobs.Job `jobs:"update(test_only=False)" resource:"products"`
//	Sync   jobs.Job `jobs:"sync(tenant_id, full=False)" resource:"tenant:{tenant_id}"`
//
// A job gets its place in the line of its resource when it is inserted; Priority does not change
// it. The order is that of the commits, except that on PostgreSQL the jobs of two overlapping
// transactions may be in either order. A delayed job joins the line when its time has come, ahead
// of all jobs that were enqueued after it. A job that waits for its next attempt holds up the
// others, unless its row has on_retry:"pass". The done hook does not hold the resource. If a worker
// dies, its job holds the resource until the lease expires, and then runs again first. All services
// that name a resource must use the same store.
//
// When a process starts, it writes the keys unique and resource of its rows into the store, where
// clients read them. If they have changed, the waiting jobs are updated. Of several jobs that then
// have the same key, the oldest gets it, and the others run without one.
//
// # Without a store
//
// Without a store, the message is the job. It is acknowledged when the job has ended, its outcome
// has been sent to the caller that waits for it, and the done hook has run. If the process dies
// before that, all of this happens again. A delayed job, or one that waits for its next attempt, is
// in a delay queue of the broker. A failed job goes to the dead queue, like the messages of package
// messaging.
//
// Nothing is recorded, so status, progress, cancelling, priorities and unique jobs need a store,
// and an id that is enqueued twice runs twice. The name of a resource must be constant, and it
// counts within its service only: the jobs have a queue with one consumer, which takes one message
// at a time. A job that waits for its next attempt does not hold up the others. If the connection
// is lost during a job, another process begins the next one while the first may still run. A job
// may run for at most 25 minutes, because RabbitMQ requeues messages that are not acknowledged
// within 30.
//
// # What is guaranteed
//
// As long as the database survives, a job runs at least once before its outcome is recorded. It
// runs twice at the same time only if a method ignores that its ctx has ended: ctx is cancelled
// before a lease that cannot be renewed expires.
//
// # Transactions
//
// [UseTx] sets the transaction of a call. Fields with outbox:"database", of type events.Dispatcher,
// messaging.Publisher or [Client], write what they send into this transaction; it is sent after the
// commit. Rows of events and messages with inbox:"true" record in the transaction which message
// they handle, and a message that is delivered again is acknowledged without a call. [Tx] enqueues
// one job in a transaction of a program. The store must be in the database of the transaction.
//
// # Progress, set-up and tear-down
//
// [Progress] records how far a job has come. For set-up and tear-down, use defer, di.PerCall and
// middleware.
package jobs
