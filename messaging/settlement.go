package messaging

import (
	"errors"
	"strconv"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// settle is what becomes of a message when its call has ended, for rows of all packages. It is the one place that says so.
// An error of the method is in the log by then.
func (s *subscriber) settle(d *transport.Delivery, err error) {
	unread := (*unreadableError)(nil)
	switch {
	case err == nil:
		d.Ack()
	case errors.Is(err, service.ErrStopped): // it was not run to its end
		d.Reject(true)
	case errors.As(err, &unread): // nor will it ever be: to have it again would not help
		s.drop(d, unread)
		d.Ack()
	case s.Requeue:
		d.Reject(true)
	default:
		d.Ack() // failed and gone, as in Nameko
	}
}

// head is how much of a body that is dropped is in the log.
const head = 200

// drop logs a message that is no call.
func (s *subscriber) drop(d *transport.Delivery, unread *unreadableError) {
	why, body := unread.Error(), strconv.Quote(string(unread.body[:min(len(unread.body), head)]))
	if s.row.Sensitive() {
		why, body = service.Redacted, service.Redacted
	}
	s.log(d).Error("message dropped: it cannot be read", "err", why, "body", body)
}
