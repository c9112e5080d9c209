// Package postgres opens a store of jobs in a PostgreSQL database, for package jobs.
//
//	s, err := postgres.Open(ctx, "postgres://jobs:secret@db.example.org/jobs")
//
// The URL is that of pgx. Its parameters include sslmode, connect_timeout, and search_path for the
// schema of the tables. PostgreSQL must be version 13 or later. The user needs rights on this
// schema only.
//
// If a process hangs in the middle of a change, PostgreSQL ends its transaction after 10 s, and
// with it the locks. The parameter idle_in_transaction_session_timeout of the URL changes this
// time.
//
// Each statement is planned whenever it runs, because a plan made while a table is nearly empty is
// slow once it has many rows: plan_cache_mode is force_custom_plan, unless the URL sets it.
//
// # PgBouncer
//
// The store works behind PgBouncer in transaction mode: its statements do not depend on the state
// of a session, and its advisory locks last for one transaction. But the two settings above are made
// with SET, which changes whichever server connection PgBouncer is using at that moment. Some
// connections may lack them, and other programs with the same user and database may get them. Give
// the store a separate user, and set them for that user:
//
//	ALTER ROLE jobs SET plan_cache_mode = force_custom_plan;
//	ALTER ROLE jobs SET idle_in_transaction_session_timeout = '10s';
//
// PgBouncer before 1.21 does not support prepared statements; switch them off in the URL:
//
//	postgres://jobs:secret@pgbouncer.example.org/jobs?default_query_exec_mode=exec
//
// # Tables
//
// gomeko_job has a row for each job, and gomeko_attempt one for each attempt that did not succeed.
// Other programs may read them, but must not write to them.
package postgres
