package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// conn returns a conn that runs statements in tx, or without a transaction if tx is nil.
func (s *Store) conn(tx *sql.Tx) conn {
	var c conn = s.db
	if tx != nil {
		c = tx
	}
	if s.ready.statements == nil {
		return c
	}
	return preparing{c, s, tx}
}

// prepared caches compiled statements of SQLite, because compiling one takes as long as finishing
// ten jobs. PostgreSQL's driver has its own cache.
type prepared struct {
	mutex      sync.Mutex
	statements map[string]*sql.Stmt // nil: nothing is cached
}

// most limits the cached statements. Those for lists in the panel and the command vary endlessly.
const most = 64

// get returns a prepared statement, or nil if the cache is full.
func (p *prepared) get(ctx context.Context, db *sql.DB, query string) (*sql.Stmt, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if s := p.statements[query]; s != nil || len(p.statements) == most {
		return s, nil
	}
	s, err := db.PrepareContext(ctx, query)
	if err == nil {
		p.statements[query] = s
	}
	return s, err
}

func (p *prepared) close() (err error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, s := range p.statements {
		err = errors.Join(err, s.Close())
	}
	clear(p.statements)
	return err
}

// A preparing is a conn that queries with prepared statements.
type preparing struct {
	conn
	store *Store
	tx    *sql.Tx
}

// QueryContext runs a prepared query.
func (p preparing) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := p.store.ready.get(ctx, p.store.db, query)
	switch {
	case err != nil:
		return nil, err
	case s == nil:
		return p.conn.QueryContext(ctx, query, args...)
	case p.tx != nil:
		return p.tx.StmtContext(ctx, s).QueryContext(ctx, args...)
	}
	return s.QueryContext(ctx, args...)
}
