package broker_test

import (
	"io"
	"runtime/metrics"
	"slices"
	"sync"
	"testing"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/frame"
)

// sessions are seeds: what clients send after opening channel 1.
var sessions = [][]frame.Method{
	{
		&frame.ExchangeDeclare{Exchange: "x", Type: "topic", Arguments: frame.Table{{Name: "alternate-exchange", Value: "y"}}},
		&frame.ExchangeDeclare{Exchange: "y", Type: "headers", AutoDelete: true},
		&frame.ExchangeBind{Destination: "x", Source: "y", RoutingKey: "#"},
		&frame.ExchangeBind{Destination: "y", Source: "x", RoutingKey: "#.a.*"},
		&frame.QueueDeclare{Queue: "q"},
		&frame.QueueBind{Queue: "q", Exchange: "x", RoutingKey: "#.a.*"},
		&frame.QueueBind{Queue: "q", Exchange: "y", Arguments: frame.Table{{Name: "x-match", Value: "any-with-x"}, {Name: "x-h"}}},
		&frame.BasicPublish{Exchange: "x", RoutingKey: "b.a.c"},
		&frame.ExchangeUnbind{Destination: "x", Source: "y", RoutingKey: "#"},
		&frame.ExchangeDelete{Exchange: "x"},
	},
	{
		&frame.QueueDeclare{Queue: "q", Arguments: frame.Table{
			{Name: "x-max-length", Value: int32(1)}, {Name: "x-dead-letter-exchange", Value: ""},
			{Name: "x-dead-letter-routing-key", Value: "p"}, {Name: "x-max-priority", Value: int8(3)},
		}},
		&frame.QueueDeclare{Queue: "p", Durable: true, Arguments: frame.Table{
			{Name: "x-queue-type", Value: "quorum"}, {Name: "x-delivery-limit", Value: int32(1)},
			{Name: "x-message-ttl", Value: int32(0)}, {Name: "x-dead-letter-exchange", Value: "amq.fanout"},
		}},
		&frame.QueueBind{Queue: "q", Exchange: "amq.fanout"},
		&frame.BasicPublish{RoutingKey: "q"}, &frame.BasicPublish{RoutingKey: "q"}, &frame.BasicPublish{RoutingKey: "p"},
		&frame.BasicGet{Queue: "p"}, &frame.BasicNack{Requeue: true, Multiple: true},
		&frame.QueuePurge{Queue: "q"}, &frame.QueueDelete{Queue: "q"},
	},
	{
		&frame.ConfirmSelect{},
		&frame.BasicConsume{Queue: "amq.rabbitmq.reply-to", NoAck: true, ConsumerTag: "r"},
		&frame.QueueDeclare{Queue: "q", Exclusive: true, Arguments: frame.Table{{Name: "x-single-active-consumer", Value: true}}},
		&frame.BasicQos{PrefetchCount: 2},
		&frame.BasicConsume{Queue: "q", ConsumerTag: "t", Arguments: frame.Table{{Name: "x-priority", Value: int64(-1)}}},
		&frame.BasicConsume{Queue: "q", ConsumerTag: "u"},
		&frame.BasicPublish{RoutingKey: "q", Mandatory: true}, &frame.BasicPublish{RoutingKey: "none", Mandatory: true},
		&frame.BasicAck{DeliveryTag: 1}, &frame.BasicCancel{ConsumerTag: "t"}, &frame.BasicRecover{Requeue: true},
		&frame.ChannelClose{},
	},
	{
		&frame.TxSelect{},
		&frame.QueueDeclare{Queue: "q", AutoDelete: true},
		&frame.BasicPublish{RoutingKey: "q"}, &frame.TxCommit{},
		&frame.BasicGet{Queue: "q"}, &frame.BasicReject{DeliveryTag: 1, Requeue: true}, &frame.TxRollback{},
		&frame.BasicPublish{RoutingKey: "q"},
		&frame.ConnectionClose{},
	},
}

// FuzzConnection sends arbitrary bytes after the login. The broker must continue to serve others,
// and its memory must stay proportional to the input.
func FuzzConnection(f *testing.F) {
	for _, v := range violations {
		f.Add(v.send)
	}
	for _, s := range recorded() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		survive(t, sent, func(w *wire) { w.open(0) })
	})
}

// FuzzSession sends arbitrary bytes from the start.
func FuzzSession(f *testing.F) {
	welcome := append([]byte(frame.ProtocolHeader), frames(func(b *frame.Buffer) {
		b.Method(0, guest)
		b.Method(0, &frame.ConnectionTuneOk{ChannelMax: 2047, FrameMax: 128 << 10, Heartbeat: 1})
		b.Method(0, &frame.ConnectionOpen{VirtualHost: "/"})
		b.Method(1, &frame.ChannelOpen{})
	})...)
	for _, s := range recorded() {
		f.Add(slices.Concat(welcome, s))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		survive(t, sent, func(*wire) {})
	})
}

// recorded returns the encoded sessions, with messages of different properties.
func recorded() (all [][]byte) {
	dressed := slices.Concat(frame.Properties("\x20\x00"), frame.Table{
		{Name: "CC", Value: []any{"p"}}, {Name: "BCC", Value: []any{"q"}}, {Name: "x-h", Value: int32(1)},
		{Name: "x-death", Value: []any{frame.Table{{Name: "queue", Value: "q"}, {Name: "reason", Value: "expired"}, {Name: "count", Value: int64(1)}}}},
	}.Append(nil))
	for _, session := range sessions {
		for _, p := range []frame.Properties{{0, 0}, properties, dressed} {
			all = append(all, frames(func(b *frame.Buffer) {
				for _, m := range session {
					b.Method(1, m)
					if _, ok := m.(*frame.BasicPublish); ok {
						b.Content(1, frame.ClassBasic, p, []byte("body"), frame.MinSize)
					}
				}
			}))
		}
	}
	return all
}

// survive sends bytes to a broker after begin, and fails t unless the broker keeps working.
func survive(t *testing.T, sent []byte, begin func(*wire)) {
	t.Helper()
	before := allocated()
	b := start(t, broker.Config{MaxMessage: 1 << 10, MaxMemory: 1 << 18})
	w := plug(t, b)
	begin(w)
	var reading sync.WaitGroup
	reading.Go(func() { io.Copy(io.Discard, w.conn) })
	w.conn.Write(sent) // the broker may close the connection
	w.conn.Close()
	reading.Wait()
	good := plug(t, b)
	good.open(0)
	good.send(0, &frame.ConnectionClose{})
	if got, most := allocated()-before, uint64(16<<20+2000*len(sent)); got > most {
		t.Errorf("%d bytes of input cost %d bytes of memory, want %d at most", len(sent), got, most)
	}
}

// allocated returns the total of allocated bytes.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
