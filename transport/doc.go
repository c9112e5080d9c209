// Package transport has connections to an AMQP 0-9-1 broker that stay: they redial by themselves, declare and consume
// again, and never settle a message that is no longer theirs. Packages above it never see a socket come and go, but
// they are told what was lost with it.
//
// # Conn
//
// [Dial] fails with what to do about it if the broker cannot be reached or refuses the login. Later losses are mended
// without end; until then whoever needs the broker waits, no longer than its ctx:
//
//	conn, err := transport.Dial(ctx, transport.Config{URI: "amqp://guest:guest@localhost:5672/", Name: "orders@host/1"})
//	…
//	err = conn.Declare(ctx, transport.Topology{Queues: []transport.Queue{{Name: "orders", Durable: true}}})
//
// What is declared is declared again on each new connection; a queue, until [Conn.Delete] deletes it.
//
// # URIs
//
// A [Config].URI is amqp://user:password@host:port/vhost, read as kombu reads it: pyamqp is amqp, what is not given has
// RabbitMQ's default, %XX stands for characters with a meaning of their own, and "/" or nothing is the vhost "/". Several
// make a list, and a host alone has all else from the URI before it. A lost broker is followed by the next one:
//
//	amqp://orders:secret@rabbit1/shop;amqp://orders:secret@rabbit2:5673/shop
//	pyamqp://orders:secret@rabbit1/shop;rabbit2;rabbit3
//
// Parameters are those of RabbitMQ's clients, and override what Config says; any other is an error:
//
//	heartbeat               seconds between heartbeats, if the broker does not want fewer
//	connection_timeout      milliseconds for connect, TLS and login; 10000 unless given (kombu: connect_timeout, seconds)
//	auth_mechanism          plain, amqplain or external (kombu: login_method)
//	cacertfile              PEM file of the CAs to trust
//	certfile, keyfile       PEM files of the client's certificate and its key
//	server_name_indication  the name that the broker's certificate must have
//	verify                  verify_peer, or verify_none
//
// # TLS
//
// amqps is TLS with the system's CAs. Config.TLS is TLS with what you want; [ReadTLS] makes it of Nameko's AMQP_SSL. With
// a client's certificate the login itself may be by it, LoginMethod EXTERNAL:
//
//	secured, err := transport.ReadTLS(map[string]any{"ca_certs": "ca.pem", "certfile": "orders.pem", "keyfile": "orders.key"})
//	…
//	conn, err := transport.Dial(ctx, transport.Config{URI: "amqps://rabbit/shop", TLS: secured, LoginMethod: "EXTERNAL"})
//
// # What a broker refuses
//
// An [Error] has the broker's words and what to do: the right to grant, the vhost to make, the queue to declare first.
// From [Dial], [Conn.Declare], [Conn.Consume] and [Conn.Publish] it is returned. What is refused later, after a redial,
// is logged at ERROR and tried again with the back-off of redials until it is granted. A broker that blocks publishers
// (connection.blocked) is logged, and is part of the error of a publisher whose ctx ends by it.
//
// # Publishing
//
// [Conn.Publish] waits for the broker's confirm, [Conn.Send] has it reported. Both know a mandatory message that no
// queue took ([*Returned]) from one whose fate a lost connection has hidden ([ErrConnectionLost]), and both refuse
// what would make the broker close the channel before anything is written:
//
//	err := conn.Publish(ctx, transport.Publishing{Key: "orders", Mandatory: true, Body: body})
//
// # Consumer and Delivery
//
// A [Consumer] hands deliveries to one function, in order; they are settled whenever and wherever their work is done.
// [Delivery.Ack] costs no write of its own: acknowledgements leave together, as many as are there. A [Delivery.Reply]
// is always ahead of the acknowledgement that follows it:
//
//	consumer, err := conn.Consume(ctx, transport.Consume{Queue: "orders", Prefetch: 100, Handle: func(d *transport.Delivery) {
//		go func() {
//			…
//			d.Reply(ctx, transport.Publishing{Key: d.ReplyTo, Body: answer})
//			d.Ack()
//		}()
//	}})
//
// A delivery belongs to the socket it came by. When that is lost the broker delivers it again, Redelivered, and what
// is done to the old one is without effect, but for a Reply, which goes by the new socket.
//
// # Codec
//
// A [Codec] turns values into bodies and back as Nameko's fleet does. [JSON] and [TypedJSON] are Nameko's json, as kombu 5.2
// and as newer ones write it, and [MessagePack] its msgpack; each reads what either kombu writes. A receiver has its
// [Codecs], and finds by a message's headers which of them is meant, and whether to [Inflate] the body first:
//
//	codec, body, err := conn.Accepts().Open(d, conn.MaxMessage())
//	…
//	err = codec.Decode(body, &order)
//
// # Values
//
// All codecs have the same values. Structs go by encoding/json's tags, and a type with MarshalJSON or MarshalText, and their
// opposites, is what these make of it, in msgpack too. The rest is Python's:
//
//	Go                      JSON                          TypedJSON     msgpack    Python
//	nil, bool, string       null, true, "text"            JSON's        nil, …     None, bool, str
//	int…, uint…             2                             JSON's        int        int
//	big.Int                 10000000000000000000000       JSON's        ≤ 64 bits  int
//	float32, float64        2.0, 1e+16, NaN, Infinity     JSON's        float      float
//	json.Number             as it is written: 2 or 2.0    JSON's        either     int or float
//	slices, arrays          [1, 2]                        JSON's        array      list
//	maps, structs, [Object] {"a": 1}                      JSON's        map        dict
//	time.Time               "2024-01-02T03:04:05Z"        datetime      JSON's     str or datetime
//	[Date]                  "2024-01-02T00:00:00"         date          JSON's     str or date
//	[TimeOfDay]             "03:04:05"                    time          JSON's     str or time
//	[Decimal], any Decimal  "12.340"                      decimal       JSON's     str or Decimal
//	uuid.UUID, any UUID     "12345678-1234-…"             uuid          JSON's     str or UUID
//	[]byte                  "AP8=", which is base64       bytes, base64 bin        str or bytes
//
// A word under TypedJSON is the type in an envelope. An any is given nil, bool, json.Number, string, []any or
// map[string]any; a float64 for NaN and the infinities, which are no json.Number; from msgpack's bin a []byte; and from an
// envelope a time.Time, [Date], [TimeOfDay], [Decimal], uuid.UUID or []byte. An envelope fits, besides, whatever takes the
// string in the JSON column; one of a type that is not known is a map. What came into an any goes out as it came, but for
// what was in an envelope: that takes [TypedJSON].
//
// Times are Python's: to the microsecond, in the years 1 to 9999, and [Naive] if they have no zone.
// A string may have a lone surrogate, "\ud83d" in JSON, in Go the three bytes that UTF-8 would have for it (WTF-8); other
// text that is not UTF-8 is an error both ways, and in msgpack this is too. JSON is written in UTF-8, not in escapes.
// A map's keys are any strings, numbers, bools, nil or what has MarshalText, written as strings: 1 is "1", nil "null", true
// "true". Of msgpack, keys that Python left as they are read the same, and its timestamps.
// Lists and objects are at most 10,000 deep. No length that is said is believed before that much is there.
package transport
