// Package periodic inserts the jobs of periodic rows into a store of jobs: see the key cron of
// jobs.Job.
package periodic
