package broker_test

import (
	"fmt"
	"net"
	"testing"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/frame"
)

// BenchmarkRoute publishes to a topic exchange and consumes without acknowledgements, with a
// minimal client.
func BenchmarkRoute(b *testing.B) {
	for _, acks := range []bool{false, true} {
		b.Run(fmt.Sprintf("acks=%v", acks), func(b *testing.B) { benchmarkRoute(b, acks) })
	}
}

func benchmarkRoute(b *testing.B, acks bool) {
	br := start(b, broker.Config{})
	publisher, consumer := plug(b, br), plug(b, br)
	publisher.open(0)
	consumer.open(0)
	for _, m := range []frame.Method{
		&frame.QueueDeclare{Queue: "rpc-service", Durable: true},
		&frame.QueueBind{Queue: "rpc-service", Exchange: "amq.topic", RoutingKey: "service.*"},
		&frame.BasicQos{PrefetchCount: 1000},
		&frame.BasicConsume{Queue: "rpc-service", NoAck: !acks},
	} {
		consumer.send(1, m)
		consumer.read()
	}
	message := frames(func(buf *frame.Buffer) {
		buf.Method(1, &frame.BasicPublish{Exchange: "amq.topic", RoutingKey: "service.method"})
		buf.Content(1, frame.ClassBasic, properties, []byte(`{"args": ["x"], "kwargs": {}}`), frame.MinSize)
	})
	const batch = 64
	var burst []byte
	for range batch {
		burst = append(burst, message...)
	}
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		for sent := 0; sent < b.N; sent += batch {
			publisher.conn.Write(burst)
		}
	}()
	receive(b, consumer.conn, consumer.frames, acks)
}

// receive reads b.N deliveries. It acknowledges every 100th, together with those before it.
func receive(b *testing.B, conn net.Conn, frames *frame.Reader, acks bool) {
	var ack frame.Buffer
	var memory []byte
	for got := 1; got <= b.N; {
		f, err := frames.Next()
		if err != nil {
			b.Fatal(err)
		}
		if f.Type != frame.TypeBody {
			continue
		}
		if acks && got%100 == 0 {
			ack.Reset(memory)
			ack.Method(1, &frame.BasicAck{DeliveryTag: uint64(got), Multiple: true})
			memory = ack.Bytes()
			conn.Write(memory)
		}
		got++
	}
}

// properties are like Nameko's: content type and encoding, headers, delivery mode, priority,
// correlation ID and reply-to.
var properties = frame.Properties("\xfe\x00" + "\x10application/json" + "\x05utf-8" +
	"\x00\x00\x00\x32\x14nameko.call_id_stackA\x00\x00\x00\x18S\x00\x00\x00\x13service.method.1234" +
	"\x02\x00" + "\x241f2e3d4c-1234-1234-1234-123456789abc" + "\x241f2e3d4c-1234-1234-1234-123456789abc")
