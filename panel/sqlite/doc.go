// Package sqlite opens a SQLite file for the accounts and the history of a panel.
//
//	panel.Module(panel.Serving{Open: sqlite.Open("panel.db")})
//
// It is a separate package so that only programs that use SQLite link its driver. Several panels on
// one host may share a file. Panels on several hosts need PostgreSQL: see package
// [github.com/gomeko/gomeko/panel/postgres].
package sqlite
