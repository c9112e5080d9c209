package transport

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/frame"
)

// FuzzHeaders looks for headers that a peer may send and that we cannot read or forward unchanged.
// It is a white-box test, because only amqp091-go is between the frames and a Delivery.
func FuzzHeaders(f *testing.F) {
	f.Add([]byte("\x01aI\x00\x00\x00\x05\x01bS\x00\x00\x00\x02hi\x01cV\x01dt\x01"))
	f.Add([]byte("\x01aL\x00\x00\x00\x00\x00\x00\x00\x05\x01bl\xff\xff\xff\xff\xff\xff\xff\xff\x01ci\xff\xff\xff\xff\x01du\xff\xff"))
	f.Add([]byte("\x14nameko.call_id_stackA\x00\x00\x00\x07S\x00\x00\x00\x02id\x01tT\x00\x00\x00\x00\x65\x00\x00\x00"))
	f.Add([]byte("\x01aF\x00\x00\x00\x0d\x01bD\x02\x00\x00\x04\xd2\x01xA\x00\x00\x00\x00"))
	f.Add([]byte("\x01ax\x00\x00\x00\x01\xff\x00d\x7f\xf8\x00\x00\x00\x00\x00\x01\x01af\x00\x00\x00\x00"))
	f.Add(bytes.Repeat([]byte("\x01aF\x00\x00\x00\xff"), 40))
	f.Fuzz(func(t *testing.T, table []byte) {
		payload := []byte{0, 60, flagsAt + 1: 0}
		binary.BigEndian.PutUint16(payload[flagsAt:], flagHeaders)
		payload = binary.BigEndian.AppendUint32(payload, uint32(len(table)))
		payload = repairReceived(append(payload, table...))
		h, err := frame.NewReader(nil).Header(payload)
		if err != nil {
			t.Fatalf("got %x, %v, want headers or none", payload, err)
		}
		came := decodeTable(received(h.Properties.Table()).(amqp.Table))
		sent, size, err := encodeTable(came)
		if errors.Is(err, errNotFinite) {
			return // RabbitMQ does not deliver such a number
		}
		if err != nil {
			t.Fatalf("%v: %v", came, err)
		}
		if again := decodeTable(sent); fmt.Sprint(again) != fmt.Sprint(came) {
			t.Errorf("got %v sent on, want %v", again, came)
		}
		if most := len(payload) - flagsAt - 2; size > most {
			t.Errorf("got a size of %d, want at most the %d that came", size, most)
		}
	})
}

// received returns a value as amqp091-go does.
func received(v any) any {
	switch v := v.(type) {
	case frame.Table:
		table := amqp.Table{}
		for _, f := range v {
			table[f.Name] = received(f.Value)
		}
		return table
	case []any:
		for i := range v {
			v[i] = received(v[i])
		}
	case frame.Decimal:
		return amqp.Decimal{Scale: v.Scale, Value: v.Value}
	}
	return v
}
