// Package sqlite opens a store of jobs in a SQLite file, for package jobs.
//
//	s, err := sqlite.Open(ctx, "jobs.db")
//
// It needs no server and no installation. Several processes may use one file, if they run on the
// same host: SQLite's locks do not work on a network file system. Services on several hosts need
// PostgreSQL: see package jobs/postgres.
//
// # What survives
//
// Each commit is synced to the disk before it counts. So no job is lost whose message was
// acknowledged, even if the power fails. A commit takes about as long as the disk needs for a sync,
// and the store commits the work of many workers together.
//
// # Files
//
// Next to the file are two others, which belong to it: its name with -wal and with -shm. To copy a
// store that is in use, run this in the sqlite3 shell:
//
//	VACUUM INTO 'copy.db'
package sqlite
