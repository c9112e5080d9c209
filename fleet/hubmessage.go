package fleet

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

// hubType is the prefix of the messages' type property.
const hubType = "gomeko.hub."

// hubPublishing encodes a message for publishing. docs/wire/hub.md describes the format.
func hubPublishing(m web.Message) transport.Publishing {
	p := transport.Publishing{
		Exchange:     HubExchange,
		Key:          m.Topic,
		Body:         m.Body,
		Compressible: true,
		Properties: transport.Properties{
			ContentType: "application/json", ContentEncoding: "utf-8",
			Type: hubType + m.Kind, CorrelationID: m.ID, ReplyTo: m.ReplyTo,
			Headers: transport.Table{},
		},
	}
	h := p.Headers
	if m.Origin != "" {
		h["origin"], h["seq"] = hex.EncodeToString([]byte(m.Origin)), int64(m.Seq)
	}
	for name, text := range map[string]string{"channel": m.Channel, "event": m.Event, "socket": m.Socket} {
		if text != "" {
			h[name] = text
		}
	}
	if m.Gap > 0 {
		h["gap"] = int64(m.Gap)
	}
	return p
}

// hubMessage decodes a delivery. It returns an error if the body cannot be decompressed, or has
// more than limit bytes when decompressed.
func hubMessage(d *transport.Delivery, limit int) (web.Message, error) {
	text := func(name string) string { s, _ := d.Headers[name].(string); return s }
	kind, _ := strings.CutPrefix(d.Type, hubType)
	m := web.Message{
		Topic: d.Key, Kind: kind, ID: d.CorrelationID, ReplyTo: d.ReplyTo,
		Channel: text("channel"), Event: text("event"), Socket: text("socket"), Body: d.Body,
	}
	if origin, err := hex.DecodeString(text("origin")); err == nil {
		m.Origin = string(origin)
	}
	m.Seq, m.Gap = count(d.Headers["seq"]), count(d.Headers["gap"])
	var err error
	m.Body, err = codec.Inflate(text("compression"), d.Body, limit)
	return m, err
}

// count returns a header as a number, or 0 if it is not a number.
func count(header any) uint64 {
	switch n := header.(type) {
	case int64:
		return uint64(max(0, n))
	case int32:
		return uint64(max(0, n))
	}
	return 0
}

// Broadcast sends an event to the clients on a channel, in all processes whose hub belongs to the
// fleet. It does the same as [web.Hub].Broadcast in a service, but is for programs that are not
// services. data is JSON. heard is false if no process has clients on the channel.
func Broadcast(ctx context.Context, conn *transport.Conn, channel, event string, data []byte) (heard bool, err error) {
	if err := conn.Declare(ctx, hubTopology()); err != nil {
		return false, err
	}
	origin := make([]byte, 8)
	_, _ = rand.Read(origin) // it never fails
	p := hubPublishing(web.Message{
		Topic: web.TopicOf(channel), Kind: "event", Origin: string(origin), Seq: 1, Channel: channel, Event: event, Body: data,
	})
	p.Mandatory = true
	err = conn.Publish(ctx, p)
	if returned := (*transport.Returned)(nil); errors.As(err, &returned) {
		return false, nil
	}
	return err == nil, err
}
