// Package jobs runs work in the background, with a record of each job: what it is, what has become
// of it, and every attempt that failed.
//
// A [Job] is a row of a service whose method does the work. A [Client] enqueues jobs, in any
// service or program, now or for later:
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
// With a store, SQLite or PostgreSQL ([Config]), each job has a row there. The row is the job. A
// message on the broker wakes a worker for it, and puts the row there if it is missing: so a
// program in any language enqueues a job by publishing a message, without access to the database.
// Messages may be lost or come twice. A worker that is free claims the best job of its queue: the
// one with the highest priority, and of those the oldest.
//
// A worker has a lease on the job that it runs, and renews it until the job ends. If the worker
// dies, the lease ends, and another worker runs the job. A job with which three workers have died
// fails as a suspect ([ErrSuspect]). A process runs jobs whose next death would be the last one at
// a time, so that a job that kills its workers does not make suspects of those beside it.
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
// Every process of the service computes the ticks, and the store decides which one enqueues: there
// is no leader. Package timer/cron describes the expressions, and what happens when clocks change.
// The key tz is their time zone; the default is UTC. A tick passes no arguments, so each parameter
// has a default. The method may take a timer.Tick after ctx, with the time at which the tick was
// due: it is the same in each attempt.
//
//   - missed says what happens to ticks that come late, because no process was running or the job of
//     the tick before had not ended: "once", the default, enqueues one job for all of them, "all" one
//     for each, for up to 1000, and "skip" none for those that are later than half the time to the
//     following one, or than three minutes.
//   - overlap says what happens if the job of the tick before has not ended: with "skip", the default,
//     the tick is late; with "allow", its job is enqueued nevertheless; with "queue" too, but the jobs
//     of the ticks run one after the other.
//
// If processes have different schedules for a row, that of the process which was started last
// counts in all of them. The ticks of a new schedule are due from then on. gomeko cron shows the
// rows, and pauses, resumes and runs them.
//
// # Unique jobs
//
// With the key unique, a job is enqueued only if no other one with the same arguments waits or
// runs:
//
//	Sync jobs.Job `jobs:"sync(tenant_id, full=False)" unique:"tenant_id" unique_for:"1h"`
//
// The value names the parameters that count; "true" are all. Arguments are the same whether they
// come by position, by name, or as the default of a parameter. Whoever enqueues a second job gets
// the Ref of the first one. An index of the database decides, so that this holds for any number of
// processes. With unique_for, a job keeps its key for this time after it was enqueued, even if it
// has ended.
//
// # Resources
//
// Jobs of rows with the same resource run one at a time, in the whole fleet and whatever their
// service and queue, in the order of their rows in the store:
//
//	Update jobs.Job `jobs:"update(test_only=False)" resource:"products"`
//	Sync   jobs.Job `jobs:"sync(tenant_id, full=False)" resource:"tenant:{tenant_id}"`
//
// Jobs of a resource get their places when they are inserted, and Priority does not change them. On
// SQLite that is the order of the commits. On PostgreSQL it is too, unless two transactions
// overlap: these two jobs are in either order. A job that is delayed does not wait in the line
// until its time has come; then it is before all that were enqueued after it. One that waits for
// its next attempt holds up the others, unless its row has on_retry:"pass". The done hook does not
// hold the resource. If a worker dies, its job holds the resource until the lease ends, and then
// runs again first. All services that name a resource must have the same store.
//
// A process writes what its rows say of unique and resource into the store when it starts, and
// clients read it there. If it is something else than before, the jobs that wait are changed. Of
// several jobs that then have the same key, the oldest one gets it, and the others run without.
//
// # Without a store
//
// Without a store the message is the job. It is acknowledged when the job has ended, its outcome
// was sent to whoever waits, and the done hook has run; if the process dies before, all of it
// happens again. A job that waits for its time or for its next attempt is in a delay queue of the
// broker, and one that has failed is in the dead queue, as the messages of package messaging are.
//
// Nothing is recorded, so status, progress, cancelling, priorities and unique jobs need a store,
// and an id that is enqueued twice runs twice. A resource must be one of constant name, and counts
// within its service: its jobs have a queue with one consumer, which takes one message at a time. A
// job that waits for its next attempt does not hold up the others, and when a connection is lost
// during a job, another process begins the next one while that job may still run. A job may run for
// 25 minutes, because RabbitMQ takes messages away that are not acknowledged in 30.
//
// # What is guaranteed
//
// As long as the database lives, a job runs at least once until its outcome is recorded. It runs
// twice at the same time only if a method ignores that its ctx has ended: ctx ends before a lease
// that cannot be renewed does.
//
// # Transactions
//
// [UseTx] says which transaction a call has. Fields with outbox:"database", of type
// events.Dispatcher, messaging.Publisher or [Client], write into it what they send, and it leaves
// with the commit. Rows of events and messages with inbox:"true" note in it which message they
// handle, so that one that comes again is acknowledged without a call. [Tx] enqueues one job in a
// transaction of a program. The store must be in the database of the transaction.
//
// # Where the rest is
//
// [Progress] records how far a job has come. Set-up and tear-down are defer, di.PerCall and
// middleware.
package jobs
