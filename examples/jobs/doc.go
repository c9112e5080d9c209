// Package talk implements in Go the jobs from a talk about SQJobs, a Python library: AdderJob,
// DummyResultJob, TimedJob, LoggerJob and DummyPeriodicJob. It also has a web application that
// enqueues one of them.
//
//	gomeko run ./examples/jobs
//
//	$ gomeko jobs enqueue talk.adder_job 1 2 3
//	01a226a5-6940-7b7e-bb7a-dc0f27fea1e7
//	$ gomeko jobs wait 01a226a5-6940-7b7e-bb7a-dc0f27fea1e7
//	6
//
//	$ curl -d '{"numbers": [1, 2, 3]}' -H 'Content-Type: application/json' localhost:8000/sums
//	{"id":"01a226a5-7f77-7edd-b720-7ffd49097031","state":"queued"}
//	$ curl localhost:8000/sums/01a226a5-7f77-7edd-b720-7ffd49097031
//	{"id":"01a226a5-7f77-7edd-b720-7ffd49097031","state":"succeeded","sum":6}
//
// If no broker runs, gomeko run starts the embedded one, and keeps the jobs in the file
// gomeko-jobs.db of the current directory. With a broker of your own, name the store:
//
//	$ export GOMEKO_JOBS_STORE=sqlite:gomeko-jobs.db
//
// # Set-up and tear-down
//
// SQJobs has a base class with the methods set_up and tear_down. Here, a job that needs them calls a
// function and defers the function that it returns, as [Talk.Timed] does. Set-up for every job is
// middleware: [LogJobs]. A value that exists for the duration of a call is provided with di.PerCall:
// [InScratch].
//
// # Success and failure
//
// [Talk.Logged] is called when a LoggerJob has succeeded, has failed for the last time, or was
// cancelled.
package talk
