package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// conn returns what runs statements in tx, or without a transaction if tx is nil.
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

// prepared are statements that SQLite has compiled: that takes as long as to finish ten jobs. The
// driver of PostgreSQL keeps its own.
type prepared struct {
	mutex      sync.Mutex
	statements map[string]*sql.Stmt // nil: none are kept
}

// most is how many statements are kept. The lists of the panel and the command differ all the time.
const most = 64

// get returns a prepared statement, or nil if there are too many already.
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

// preparing is a conn that queries with prepared statements.
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
