package parked

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/secret"
)

// ErrSensitive is returned by Text for a message whose content must not be shown.
var ErrSensitive = errors.New("its arguments are sensitive, and are not shown: export the queue, change the file, import it and drop this one")

// Text returns the body of a message for an editor: as indented JSON if a codec can decode it,
// otherwise as plain text.
func (d *Desk) Text(ctx context.Context, m *Message) (string, error) {
	if m.Sensitive {
		return "", ErrSensitive
	}
	c, body, err := d.open(ctx, m)
	if err != nil {
		if !utf8.Valid(m.delivery.Body) {
			return "", fmt.Errorf("its body is not text: %w", err)
		}
		return string(m.delivery.Body), nil
	}
	if !isJSON(c) {
		var value any
		b := codec.NewBudget(ctx, d.conn.MaxDecoded())
		defer b.Close()
		if err = b.Decode(c, body, &value); err == nil {
			body, err = codec.TypedJSON.Encode(value)
		}
		if err != nil {
			return "", err
		}
	}
	var indented bytes.Buffer
	if json.Indent(&indented, body, "", "  ") != nil {
		return string(body), nil // Python's NaN, or an invalid body, which may be what needs editing
	}
	return indented.String() + "\n", nil
}

// Masks reports whether View masks a part of the message's body because it looks like a secret.
func (d *Desk) Masks(ctx context.Context, m *Message) bool {
	value, _, err := d.decode(ctx, m)
	if err != nil {
		body := text(m.delivery.Body)
		return secret.Mask(body) != body
	}
	masked := secret.Value("", value, func(leaf any) any {
		if b, ok := leaf.([]byte); ok {
			return []byte(secret.Mask(string(b)))
		}
		return leaf
	})
	return !reflect.DeepEqual(value, masked)
}

// SetText replaces the body of a message with a text in the form that Text returns. It returns an
// error if the text is not JSON although the body must be.
func (d *Desk) SetText(ctx context.Context, m *Message, text string) error {
	c, _, err := d.open(ctx, m)
	if err != nil {
		m.delivery.Body = []byte(text)
		return nil
	}
	body := []byte(strings.TrimSpace(text))
	var value any
	b := codec.NewBudget(ctx, d.conn.MaxDecoded())
	defer b.Close()
	if err := b.Decode(codec.JSON, body, &value); err != nil {
		return fmt.Errorf("the text is not JSON: %w", err)
	}
	if isJSON(c) {
		var compact bytes.Buffer
		if json.Compact(&compact, body) == nil {
			body = compact.Bytes()
		}
	} else if body, err = c.Encode(value); err != nil {
		return err
	}
	m.delivery.Body = body
	delete(m.delivery.Headers, "compression")
	return nil
}

// open returns the codec and the decompressed body of a message.
func (d *Desk) open(ctx context.Context, m *Message) (codec.Codec, []byte, error) {
	b := codec.NewBudget(ctx, d.conn.MaxDecoded())
	defer b.Close()
	return d.conn.Accepts().Open(m.delivery.Encoded(), d.conn.MaxMessage(), b)
}

func isJSON(c codec.Codec) bool { return c.ContentType() == codec.JSON.ContentType() }
