// Package sqlite opens a store of jobs in a SQLite file, for package jobs.
//
//	s, err := sqlite.Open(ctx, "jobs.db")
//
// It needs no server and no installation. Several processes may use one file if they run on the
// same host, because SQLite's locks do not work on a network file system. Services on several hosts
// need PostgreSQL: see package jobs/postgres.
//
// # What survives
//
// Each commit is synced to disk before it counts. A job whose message was acknowledged is therefore
// not lost, even if the power fails. A commit takes about as long as a sync of the disk, and the
// store commits the work of many workers together.
//
// # Files
//
// SQLite keeps two more files beside the store, whose names end in -wal and -shm; they belong to
// it. To copy a store that is in use, run this in the sqlite3 shell:
//
//	VACUUM INTO 'copy.db'
package sqlite
