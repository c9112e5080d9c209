package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// handling records a message if the transaction is in the database of the store with the id $3, and
// the message was not recorded before.
const handling = `INSERT INTO gomeko_inbox (consumer, message_id, handled_at)
SELECT CAST($1 AS text), CAST($2 AS text), {now} FROM gomeko_store WHERE id = $3 ON CONFLICT (consumer, message_id) DO NOTHING`

// Handle records that a consumer handles a message, in tx, the transaction of its work. tx must be
// on the store's database: see [ElsewhereError]. Handle returns false if a committed transaction
// has handled the message before. If another transaction that handles it is open, Handle waits for
// that one to end.
func (s *Store) Handle(ctx context.Context, tx Executor, consumer, messageID string) (first bool, err error) {
	if messageID == "" || consumer == "" {
		return false, errors.New("inbox: the consumer and the message need a name")
	}
	if clean(messageID, 255) != messageID {
		return false, fmt.Errorf("message_id %.80q: must be a text in UTF-8, without NUL", messageID)
	}
	id, err := s.id(ctx)
	if err != nil {
		return false, err
	}
	result, err := tx.ExecContext(ctx, s.text(handling), consumer, messageID, id)
	if err != nil {
		return false, s.inTx(err)
	}
	if n, err := result.RowsAffected(); err != nil || n > 0 {
		return n > 0, s.wrap(err)
	}
	return false, s.CheckTx(ctx, tx) // not because of another database
}

// forgetMessages deletes the oldest messages that were handled before $1 microseconds from now.
// SQLite has no LIMIT for DELETE.
const forgetMessages = `DELETE FROM gomeko_inbox WHERE handled_at < {in CAST($1 AS bigint)} AND (consumer, message_id) IN (
	SELECT consumer, message_id FROM gomeko_inbox WHERE handled_at < {in CAST($1 AS bigint)} ORDER BY handled_at LIMIT $2
)`

// PruneInbox forgets at most limit messages that were handled more than keep ago, and returns how
// many.
func (s *Store) PruneInbox(ctx context.Context, keep time.Duration, limit int) (n int, err error) {
	err = s.write(ctx, func(c conn) error {
		result, err := c.ExecContext(ctx, s.text(forgetMessages), -micros(keep), limit)
		if err != nil {
			return err
		}
		rows, err := result.RowsAffected()
		n = int(rows)
		return err
	})
	return n, err
}
