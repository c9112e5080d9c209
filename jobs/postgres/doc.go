// Package postgres opens a store of jobs in a PostgreSQL database, for package jobs.
//
//	s, err := postgres.Open(ctx, "postgres://jobs:secret@db.example.org/jobs")
//
// The URL is that of pgx. Among its parameters are sslmode, connect_timeout, and search_path for
// the schema of the tables. PostgreSQL must be of version 13 or later. The user needs rights on
// this schema only.
//
// A process that hangs in the middle of a change keeps its locks for 10 s, then PostgreSQL ends its
// transaction. The parameter idle_in_transaction_session_timeout of the URL changes that.
//
// # PgBouncer
//
// The store keeps nothing in a session, and takes advisory locks only for a transaction. So it
// works behind PgBouncer in transaction mode. A PgBouncer before 1.21 does not know prepared
// statements: switch them off in the URL.
//
//	postgres://jobs:secret@pgbouncer.example.org/jobs?default_query_exec_mode=exec
//
// # Tables
//
// gomeko_job has a row for each job, gomeko_attempt one for each attempt that did not end in
// success. Other programs may read them, but must not write them.
package postgres
