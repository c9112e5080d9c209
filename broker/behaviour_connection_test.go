package broker_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/frame"
)

func connectionRows() []behaviour {
	// login opens a connection in a modified way, and returns the code if it is refused.
	login := func(s *stage, edit func(*url.URL, *amqp.Config)) string {
		uri, err := url.Parse(s.uri)
		s.check(err)
		var cfg amqp.Config
		edit(uri, &cfg)
		conn, err := amqp.DialConfig(uri.String(), cfg)
		if err != nil {
			var refusal *amqp.Error
			if errors.As(err, &refusal) {
				return fmt.Sprint(refusal.Code)
			}
			return err.Error()
		}
		defer conn.Close()
		return "in"
	}
	return []behaviour{
		{name: "another protocol is answered with ours", do: func(s *stage) string {
			uri, err := url.Parse(s.uri)
			s.check(err)
			conn, err := net.Dial("tcp", uri.Host)
			s.check(err)
			defer conn.Close()
			_, err = io.WriteString(conn, "GET / HT")
			s.check(err)
			answer := make([]byte, 8)
			_, err = io.ReadFull(conn, answer)
			s.check(err)
			return fmt.Sprintf("%q", answer)
		}, want: `"AMQP\x00\x00\t\x01"`},
		{name: "PLAIN", do: func(s *stage) string {
			return login(s, func(_ *url.URL, cfg *amqp.Config) {
				cfg.SASL = []amqp.Authentication{&amqp.PlainAuth{Username: "guest", Password: "guest"}}
			})
		}, want: "in"},
		{name: "AMQPLAIN", do: func(s *stage) string {
			return login(s, func(_ *url.URL, cfg *amqp.Config) {
				cfg.SASL = []amqp.Authentication{&amqp.AMQPlainAuth{Username: "guest", Password: "guest"}}
			})
		}, want: "in"},
		{name: "a wrong password", do: func(s *stage) string {
			return login(s, func(uri *url.URL, _ *amqp.Config) { uri.User = url.UserPassword("guest", "wrong") })
		}, want: "403"},
		{name: "an unknown user", do: func(s *stage) string {
			return login(s, func(uri *url.URL, _ *amqp.Config) { uri.User = url.UserPassword("nobody", "guest") })
		}, want: "403"},
		{name: "an unknown virtual host", do: func(s *stage) string {
			return login(s, func(_ *url.URL, cfg *amqp.Config) { cfg.Vhost = "nowhere" })
		}, want: "530"},
		{name: "fewer channels, smaller frames, quicker heartbeats", do: func(s *stage) string {
			conn, err := amqp.DialConfig(s.uri, amqp.Config{ChannelMax: 1, FrameSize: 4096, Heartbeat: time.Second})
			s.check(err)
			defer conn.Close()
			_, err = conn.Channel()
			s.check(err)
			return fmt.Sprint(conn.Config.ChannelMax, conn.Config.FrameSize, conn.Config.Heartbeat)
		}, want: "1 4096 1s"},
		{name: "heartbeats to a silent client, until it is cut off", do: func(s *stage) string {
			uri, err := url.Parse(s.uri)
			s.check(err)
			conn, err := net.Dial("tcp", uri.Host)
			s.check(err)
			w := newWire(s.t, conn)
			w.open(1)
			for beats := 0; ; beats++ {
				f, err := w.frames.Next()
				if err != nil { // the end, or a reset
					return fmt.Sprint(beats > 0, " ", !errors.Is(err, os.ErrDeadlineExceeded))
				}
				if f.Type != frame.TypeHeartbeat {
					return fmt.Sprintf("a frame of type %d", f.Type)
				}
			}
		}, want: "true true"},
		{name: "a client that says goodbye", do: func(s *stage) string {
			conn, err := amqp.Dial(s.uri)
			s.check(err)
			return fmt.Sprint(conn.Close(), conn.IsClosed())
		}, want: "<nil> true"},
		{name: "a secret is renewed", do: func(s *stage) string {
			conn, err := amqp.Dial(s.uri)
			s.check(err)
			defer conn.Close()
			return fmt.Sprint(conn.UpdateSecret("another", "it would expire"), channel(s.t, conn).IsClosed())
		}, want: "<nil> false"},
		{name: "a mistake of a channel leaves the connection", do: func(s *stage) string {
			conn, err := amqp.Dial(s.uri)
			s.check(err)
			defer conn.Close()
			ch := channel(s.t, conn)
			_, err = ch.QueueDeclarePassive("none", true, false, false, false, nil)
			return fmt.Sprint(err.(*amqp.Error).Code, conn.IsClosed(), channel(s.t, conn).IsClosed())
		}, want: "404 false false"},
	}
}

func queueRows() []behaviour {
	return []behaviour{
		{name: "of the server's name", do: func(s *stage) string {
			q, err := s.ch.QueueDeclare("", false, false, true, false, nil)
			s.check(err)
			again, err := s.ch.QueueDeclare("", false, false, true, false, nil)
			s.check(err)
			return fmt.Sprint(strings.HasPrefix(q.Name, "amq.gen-"), q.Name != again.Name)
		}, want: "true true"},
		{name: "passive tells of messages and consumers", do: func(s *stage) string {
			s.queue("q", nil)
			s.consume("q", "", 1, nil)
			for range 3 {
				s.publish("", "q", "1")
			}
			q, err := s.ch.QueueDeclarePassive("q", true, false, false, false, nil)
			s.check(err)
			return fmt.Sprint(q.Messages, q.Consumers)
		}, want: "2 1"},
		{name: "exclusive goes with its connection", do: func(s *stage) string {
			conn, err := amqp.Dial(s.uri)
			s.check(err)
			_, err = channel(s.t, conn).QueueDeclare("mine", false, false, true, false, nil)
			s.check(err)
			_, err = s.channel().QueueDeclarePassive("mine", false, false, true, false, nil)
			s.check(conn.Close())
			_, gone := s.channel().QueueDeclarePassive("mine", false, false, false, false, nil)
			return fmt.Sprint(err.(*amqp.Error).Code, gone.(*amqp.Error).Code)
		}, want: "405 404"},
		{name: "auto-delete goes with its last consumer", do: func(s *stage) string {
			_, err := s.ch.QueueDeclare("auto", true, true, false, false, nil)
			s.check(err)
			one, _ := s.consume("auto", "one", 1, nil)
			two, _ := s.consume("auto", "two", 1, nil)
			s.check(one.Cancel("one", false))
			_, err = s.ch.QueueDeclarePassive("auto", true, true, false, false, nil)
			s.check(err)
			s.check(two.Cancel("two", false))
			_, err = s.ch.QueueDeclarePassive("auto", true, true, false, false, nil)
			return fmt.Sprint(err.(*amqp.Error).Code)
		}, want: "404"},
		{name: "a purge leaves what is unacknowledged", do: func(s *stage) string {
			s.queue("q", nil)
			for _, body := range []string{"1", "2", "3"} {
				s.publish("", "q", body)
			}
			d := s.get("q")
			n, err := s.ch.QueuePurge("q", false)
			s.check(err)
			s.check(d.Nack(false, true))
			return fmt.Sprint(n, " ", s.all("q", 1))
		}, want: "2 1"},
		{name: "delete if-unused and if-empty", do: func(s *stage) string {
			s.queue("q", nil)
			s.publish("", "q", "1")
			_, full := s.channel().QueueDelete("q", false, true, false)
			ch, _ := s.consume("q", "tag", 1, nil)
			_, used := s.channel().QueueDelete("q", true, false, false)
			s.check(ch.Close())
			s.get("q")
			n, err := s.ch.QueueDelete("q", true, true, false)
			s.check(err)
			return fmt.Sprint(full.(*amqp.Error).Code, used.(*amqp.Error).Code, n)
		}, want: "406 406 0"},
		{name: "delete tells of the messages that go", do: func(s *stage) string {
			s.queue("q", nil)
			s.publish("", "q", "1")
			n, err := s.ch.QueueDelete("q", false, false, false)
			s.check(err)
			again, err := s.ch.QueueDelete("q", false, false, false)
			s.check(err)
			return fmt.Sprint(n, again)
		}, want: "1 0"},
		{name: "get counts what is left", do: func(s *stage) string {
			s.queue("q", nil)
			s.publish("", "q", "1")
			s.publish("", "q", "2")
			d := s.get("q")
			return fmt.Sprint(d.MessageCount, d.DeliveryTag, s.get("q").MessageCount)
		}, want: "1 1 0"},
	}
}
