package frame_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"reflect"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/frame"
)

var table = frame.Table{
	{Name: "bool", Value: true},
	{Name: "int8", Value: int8(-1)},
	{Name: "uint8", Value: uint8(255)},
	{Name: "int16", Value: int16(math.MinInt16)},
	{Name: "uint16", Value: uint16(math.MaxUint16)},
	{Name: "int32", Value: int32(math.MinInt32)},
	{Name: "uint32", Value: uint32(math.MaxUint32)},
	{Name: "int64", Value: int64(math.MinInt64)},
	{Name: "uint64", Value: uint64(math.MaxUint64)},
	{Name: "float32", Value: float32(1.5)},
	{Name: "float64", Value: -2.25},
	{Name: "decimal", Value: frame.Decimal{Scale: 2, Value: -314}},
	{Name: "string", Value: "ünïcode"},
	{Name: "bytes", Value: []byte{0, 1, 2}},
	{Name: "array", Value: []any{"a", int32(1), []any{}, frame.Table{{Name: "in"}}}},
	{Name: "time", Value: time.Unix(1_700_000_000, 0)},
	{Name: "table", Value: frame.Table{{Name: "nested", Value: "value"}}},
	{Name: "void", Value: nil},
	{Name: "string", Value: "a second one of this name"},
}

// methods contains one of each method, with every field set.
var methods = []frame.Method{
	&frame.ConnectionStart{VersionMinor: 9, ServerProperties: table, Mechanisms: "PLAIN", Locales: "en_US"},
	&frame.ConnectionStartOk{ClientProperties: table, Mechanism: "PLAIN", Response: "\x00a\x00b", Locale: "en_US"},
	&frame.ConnectionTune{ChannelMax: 1, FrameMax: 2, Heartbeat: 3},
	&frame.ConnectionTuneOk{ChannelMax: 1, FrameMax: 2, Heartbeat: 3},
	&frame.ConnectionOpen{VirtualHost: "/"},
	&frame.ConnectionOpenOk{},
	&frame.ConnectionClose{ReplyCode: 1, ReplyText: "t", ClassID: 2, MethodID: 3},
	&frame.ConnectionCloseOk{},
	&frame.ChannelOpen{},
	&frame.ChannelOpenOk{},
	&frame.ChannelFlow{Active: true},
	&frame.ChannelFlowOk{Active: true},
	&frame.ChannelClose{ReplyCode: 1, ReplyText: "t", ClassID: 2, MethodID: 3},
	&frame.ChannelCloseOk{},
	&frame.ExchangeDeclare{Exchange: "x", Type: "topic", Durable: true, Internal: true, Arguments: table},
	&frame.ExchangeDeclareOk{},
	&frame.ExchangeDelete{Exchange: "x", NoWait: true},
	&frame.ExchangeDeleteOk{},
	&frame.QueueDeclare{Queue: "q", Passive: true, Exclusive: true, NoWait: true, Arguments: table},
	&frame.QueueDeclareOk{Queue: "q", MessageCount: 1, ConsumerCount: 2},
	&frame.QueueBind{Queue: "q", Exchange: "x", RoutingKey: "k", NoWait: true, Arguments: table},
	&frame.QueueBindOk{},
	&frame.QueuePurge{Queue: "q", NoWait: true},
	&frame.QueuePurgeOk{MessageCount: 1},
	&frame.QueueDelete{Queue: "q", IfEmpty: true},
	&frame.QueueDeleteOk{MessageCount: 1},
	&frame.QueueUnbind{Queue: "q", Exchange: "x", RoutingKey: "k", Arguments: table},
	&frame.QueueUnbindOk{},
	&frame.BasicQos{PrefetchSize: 1, PrefetchCount: 2, Global: true},
	&frame.BasicQosOk{},
	&frame.BasicConsume{Queue: "q", ConsumerTag: "t", NoAck: true, NoWait: true, Arguments: table},
	&frame.BasicConsumeOk{ConsumerTag: "t"},
	&frame.BasicCancel{ConsumerTag: "t", NoWait: true},
	&frame.BasicCancelOk{ConsumerTag: "t"},
	&frame.BasicPublish{Exchange: "x", RoutingKey: "k", Mandatory: true},
	&frame.BasicReturn{ReplyCode: 1, ReplyText: "t", Exchange: "x", RoutingKey: "k"},
	&frame.BasicDeliver{ConsumerTag: "t", DeliveryTag: 1 << 40, Redelivered: true, Exchange: "x", RoutingKey: "k"},
	&frame.BasicGet{Queue: "q", NoAck: true},
	&frame.BasicGetOk{DeliveryTag: 1, Redelivered: true, Exchange: "x", RoutingKey: "k", MessageCount: 2},
	&frame.BasicGetEmpty{},
	&frame.BasicAck{DeliveryTag: 1, Multiple: true},
	&frame.BasicReject{DeliveryTag: 1, Requeue: true},
	&frame.BasicRecoverAsync{Requeue: true},
	&frame.BasicRecover{Requeue: true},
	&frame.BasicRecoverOk{},
	&frame.BasicNack{DeliveryTag: 1, Requeue: true},
	&frame.ConfirmSelect{NoWait: true},
	&frame.ConfirmSelectOk{},
	&frame.ConnectionBlocked{Reason: "low on memory"},
	&frame.ConnectionUnblocked{},
	&frame.ConnectionUpdateSecret{NewSecret: "s", Reason: "r"},
	&frame.ConnectionUpdateSecretOk{},
	&frame.ExchangeBind{Destination: "d", Source: "s", RoutingKey: "k", NoWait: true, Arguments: table},
	&frame.ExchangeBindOk{},
	&frame.ExchangeUnbind{Destination: "d", Source: "s", RoutingKey: "k", NoWait: true, Arguments: table},
	&frame.ExchangeUnbindOk{},
	&frame.TxSelect{},
	&frame.TxSelectOk{},
	&frame.TxCommit{},
	&frame.TxCommitOk{},
	&frame.TxRollback{},
	&frame.TxRollbackOk{},
}

func TestMethods(t *testing.T) {
	t.Parallel()
	var b frame.Buffer
	for i, m := range methods {
		b.Method(uint16(i), m)
	}
	r := frame.NewReader(bytes.NewReader(b.Bytes()))
	for i, want := range methods {
		f, err := r.Next()
		if err != nil || f.Type != frame.TypeMethod || f.Channel != uint16(i) {
			t.Fatalf("%T: got %+v, %v", want, f, err)
		}
		got, err := r.Method(f.Payload)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
		for n := range f.Payload { // truncated anywhere, it is an error
			if m, err := r.Method(f.Payload[:n]); !isError(err, 502) {
				t.Errorf("%T cut to %d bytes: got %v, %v, want a syntax error", want, n, m, err)
			}
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("got %v, want EOF", err)
	}
}

func isError(err error, code uint16) bool {
	var e *frame.Error
	return errors.As(err, &e) && e.Code == code
}

func TestContent(t *testing.T) {
	t.Parallel()
	properties := frame.Properties("\xb4\x10" + // content type, headers, delivery mode, correlation id, user id
		"\x04text" + "\x00\x00\x00\x04\x01hV" + "\x02" + "\x02id" + "\x02me")
	properties[5+2+3] = 3 // the size of the headers
	body := bytes.Repeat([]byte("body"), 2000)
	var b frame.Buffer
	b.Content(7, frame.ClassBasic, properties, body, 4096)
	r := frame.NewReader(bytes.NewReader(b.Bytes()))
	f, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	h, err := r.Header(f.Payload)
	if err != nil || h.Class != frame.ClassBasic || h.Size != 8000 || !bytes.Equal(h.Properties, properties) {
		t.Errorf("got %+v, %v", h, err)
	}
	for prop, want := range map[frame.Property]string{
		frame.ContentType: "text", frame.CorrelationID: "id", frame.UserID: "me",
	} {
		if got, ok := h.Properties.String(prop); got != want || !ok {
			t.Errorf("property %d: got %q, %v, want %q", prop, got, ok, want)
		}
	}
	if got, ok := h.Properties.String(frame.Expiration); ok {
		t.Errorf("got the expiration %q, want none", got)
	}
	if got, want := h.Properties.Table(), (frame.Table{{Name: "h"}}); !reflect.DeepEqual(got, want) {
		t.Errorf("got the headers %v, want %v", got, want)
	}
	var got []byte
	for _, size := range []int{4088, 3912} {
		f, err := r.Next()
		if err != nil || f.Type != frame.TypeBody || len(f.Payload) != size {
			t.Fatalf("got a frame of type %d with %d bytes, %v, want a body of %d", f.Type, len(f.Payload), err, size)
		}
		got = append(got, f.Payload...)
	}
	if !bytes.Equal(got, body) {
		t.Error("the body changed")
	}
}

func TestReader(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, stream string
		code         uint16 // of the error; 0 means an error of the stream
	}{
		{"empty", "", 0},
		{"cut in its head", "\x01\x00", 0},
		{"cut in its payload", "\x01\x00\x00\x00\x00\x00\x04ab", 0},
		{"too large", "\x01\x00\x00\xff\xff\xff\xff", 501},
		{"larger than agreed", "\x01\x00\x00\x00\x00\x0f\xf9", 501},
		{"bad end", "\x08\x00\x00\x00\x00\x00\x00\x00", 501},
		{"unknown type", "\x04\x00\x00\x00\x00\x00\x00\xce", 501},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := frame.NewReader(strings.NewReader(tt.stream)).Next()
			if err == nil || isError(err, 501) != (tt.code == 501) {
				t.Errorf("got %+v, %v", f, err)
			}
		})
	}
}

func TestUnknownMethod(t *testing.T) {
	t.Parallel()
	if m, err := frame.NewReader(nil).Method([]byte{0, 60, 0, 99}); !isError(err, frame.NotImplemented) {
		t.Errorf("got %v, %v, want code %d", m, err, frame.NotImplemented)
	}
}

// Deeply nested values are rejected before they exhaust the stack.
func TestDepth(t *testing.T) {
	t.Parallel()
	deep := frame.Table{}
	for range 100 {
		deep = frame.Table{{Name: "t", Value: deep}}
	}
	var b frame.Buffer
	b.Method(1, &frame.QueueDeclare{Arguments: deep})
	r := frame.NewReader(bytes.NewReader(b.Bytes()))
	f, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Method(f.Payload); !isError(err, frame.SyntaxError) {
		t.Errorf("got %v, want a syntax error", err)
	}
}

// FuzzFrame reads arbitrary bytes. The result is frames or an error, and a decoded method does not
// change when it is encoded and decoded again.
func FuzzFrame(f *testing.F) {
	var b frame.Buffer
	for _, m := range methods {
		b.Reset(nil)
		b.Method(1, m)
		f.Add(bytes.Clone(b.Bytes()))
	}
	b.Reset(nil)
	b.Method(1, &frame.BasicPublish{Exchange: "x"})
	b.Content(1, frame.ClassBasic, frame.Properties{0x80, 0, 1, 'a'}, []byte("body"), 4096)
	b.Heartbeat()
	f.Add(bytes.Clone(b.Bytes()))
	f.Fuzz(func(t *testing.T, stream []byte) {
		defer frugal(t, len(stream))()
		r := frame.NewReader(bytes.NewReader(stream))
		for {
			f, err := r.Next()
			if err != nil {
				return
			}
			switch f.Type {
			case frame.TypeMethod:
				m, err := r.Method(f.Payload)
				if err != nil {
					continue
				}
				var b frame.Buffer
				b.Method(f.Channel, m)
				again := frame.NewReader(bytes.NewReader(b.Bytes()))
				again.SetMaxSize(1 << 20)
				copied, err := again.Next()
				if err != nil {
					t.Fatalf("%+v: %v", m, err)
				}
				if got, err := again.Method(copied.Payload); err != nil || !same(got, m) {
					t.Errorf("got %+v, %v, want %+v", got, err, m)
				}
			case frame.TypeHeader:
				if h, err := r.Header(f.Payload); err == nil {
					for p := frame.ContentType; p <= frame.ClusterID; p++ {
						h.Properties.String(p)
					}
					h.Properties.Table()
				}
			}
		}
	})
}

// FuzzTable checks that a decoded table is encoded to the same bytes.
func FuzzTable(f *testing.F) {
	for i := range table {
		f.Add(table[i : i+1].Append(nil)[4:])
	}
	f.Add(table.Append(nil)[4:])
	f.Fuzz(func(t *testing.T, b []byte) {
		defer frugal(t, len(b))()
		tab, err := frame.ParseTable(b)
		if err != nil {
			if !isError(err, frame.SyntaxError) {
				t.Errorf("got %v, want a syntax error", err)
			}
			return
		}
		again, err := frame.ParseTable(tab.Append(nil)[4:])
		if err != nil || !same(again, tab) {
			t.Errorf("got %v, %v, want %v", again, err, tab)
		}
	})
}

// frugal returns a function that fails the test if more memory has been used since than n bytes of
// input may cost. A size that the input only announces costs nothing beyond the limit of frames,
// which is 4 kB here.
func frugal(t *testing.T, n int) func() {
	allocated := func() uint64 {
		sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	before := allocated()
	return func() {
		if got, most := allocated()-before, uint64(4<<20+500*n); got > most {
			t.Errorf("%d bytes of input cost %d bytes of memory, want %d at most", n, got, most)
		}
	}
}

// same compares encoded values if a NaN makes a value differ from itself.
func same(a, b any) bool {
	if reflect.DeepEqual(a, b) {
		return true
	}
	if x, ok := a.(frame.Method); ok {
		var p, q frame.Buffer
		p.Method(0, x)
		q.Method(0, b.(frame.Method))
		return bytes.Equal(p.Bytes(), q.Bytes())
	}
	return bytes.Equal(a.(frame.Table).Append(nil), b.(frame.Table).Append(nil))
}

func TestEditProperties(t *testing.T) {
	t.Parallel()
	const whole = "\xb4\x10" + "\x04text" + "\x00\x00\x00\x03\x01hV" + "\x02" + "\x02id" + "\x02me"
	tests := []struct {
		name string
		edit func(frame.Properties) frame.Properties
		want string
	}{
		{"headers", func(p frame.Properties) frame.Properties { return p.WithTable(frame.Table{{Name: "n", Value: true}}) },
			"\xb4\x10" + "\x04text" + "\x00\x00\x00\x04\x01nt\x01" + "\x02" + "\x02id" + "\x02me"},
		{"first", func(p frame.Properties) frame.Properties { return p.Without(frame.ContentType) },
			"\x34\x10" + "\x00\x00\x00\x03\x01hV" + "\x02" + "\x02id" + "\x02me"},
		{"last", func(p frame.Properties) frame.Properties { return p.Without(frame.UserID) },
			"\xb4\x00" + "\x04text" + "\x00\x00\x00\x03\x01hV" + "\x02" + "\x02id"},
		{"absent", func(p frame.Properties) frame.Properties { return p.Without(frame.Expiration) }, whole},
		{"added", func(p frame.Properties) frame.Properties { return p.WithString(frame.ReplyTo, "to") },
			"\xb6\x10" + "\x04text" + "\x00\x00\x00\x03\x01hV" + "\x02" + "\x02id" + "\x02to" + "\x02me"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := frame.Properties(whole)
			got := tt.edit(p)
			if string(got) != tt.want || got.Check() != nil {
				t.Errorf("got %q, %v, want %q", got, got.Check(), tt.want)
			}
			if string(p) != whole {
				t.Errorf("the original became %q", p)
			}
		})
	}
	if mode, ok := frame.Properties(whole).Octet(frame.DeliveryMode); mode != 2 || !ok {
		t.Errorf("got delivery mode %d, %t, want 2", mode, ok)
	}
	if raw := frame.Properties(whole).RawTable(); string(raw) != "\x01hV" {
		t.Errorf("got the raw table %q", raw)
	}
}
