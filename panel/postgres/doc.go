// Package postgres opens a PostgreSQL database for the accounts and the history of a panel.
//
//	panel.Module(panel.Serving{Open: postgres.Open("postgres://panel:secret@db.example.org/panel")})
//
// It is a separate package so that only programs that use PostgreSQL link its driver. PostgreSQL
// must be version 13 or later.
package postgres
