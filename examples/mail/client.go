package mail

import (
	"context"
	"fmt"
	"mime"
	"net"
	"net/mail"
	"net/smtp"
	"time"
)

// A client is one connection. Package net/smtp does not support contexts; the method within adds
// them.
type client struct {
	conn net.Conn
	smtp *smtp.Client
	late bool // a context ended during a step, so the state of the connection is unknown
}

func (p *pool) dial(ctx context.Context) (*client, error) {
	host, _, err := net.SplitHostPort(p.relay)
	if err != nil {
		return nil, fmt.Errorf("mail.relay: must be host:port, not %q: %w", p.relay, err)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.relay)
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn}
	err = c.within(ctx, func() (err error) {
		c.smtp, err = smtp.NewClient(conn, host)
		return err
	})
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("%s: %w", p.relay, err)
	}
	return c, nil
}

// within runs step, and interrupts it when ctx ends.
func (c *client) within(ctx context.Context, step func() error) error {
	past := time.Unix(0, 1)
	stop := context.AfterFunc(ctx, func() { c.conn.SetDeadline(past) })
	err := step()
	if !stop() {
		c.late = true
		if err != nil {
			err = context.Cause(ctx)
		}
	}
	return err
}

func (c *client) send(ctx context.Context, from, to *mail.Address, m Message) error {
	return c.within(ctx, func() error {
		if err := c.smtp.Mail(from.Address); err != nil {
			return err
		}
		if err := c.smtp.Rcpt(to.Address); err != nil {
			return err
		}
		w, err := c.smtp.Data()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "From: %s\nTo: %s\nDate: %s\nSubject: %s\nContent-Type: text/plain; charset=utf-8\n\n%s\n",
			from, to, time.Now().Format(time.RFC1123Z), mime.QEncoding.Encode("utf-8", m.Subject), m.Text)
		return w.Close()
	})
}
