package transport

import (
	"fmt"
	"slices"
	"strings"
)

// Codecs are those that a receiver reads, found by the content_type of a message. A message without one is the first's.
type Codecs []Codec

// Accepts returns the codecs of what is read: Accept or its default.
func (c Config) Accepts() Codecs {
	if len(c.Accept) > 0 {
		return c.Accept
	}
	codecs := Codecs{JSON, MessagePack}
	if c.Codec == nil {
		return codecs
	}
	for i, other := range codecs {
		if other.ContentType() == c.Codec.ContentType() {
			codecs[i] = c.Codec
			return codecs
		}
	}
	return append(codecs, c.Codec)
}

// Of returns the codec of a content_type, which is compared as Nameko does, to the letter; nil if it is not among c.
func (c Codecs) Of(contentType string) Codec {
	for _, codec := range c {
		if contentType == "" || contentType == codec.ContentType() {
			return codec
		}
	}
	return nil
}

// Open returns d's body as it was before its sender compressed it, and its codec. The error says why it cannot be read,
// and what can: its content_type, its content_encoding, its compression, or a body that is, or becomes, larger than
// limit. Whether it is the codec's is not looked at.
func (c Codecs) Open(d *Delivery, limit int) (Codec, []byte, error) {
	if len(d.Body) > limit {
		return nil, nil, &TooLarge{len(d.Body), limit}
	}
	codec := c.Of(d.ContentType)
	if codec == nil {
		return nil, nil, fmt.Errorf("content_type %q is not accepted: send %s", d.ContentType, c.String())
	}
	encodings := []string{"", "binary", "utf-8", "utf8", "us-ascii"}
	if !slices.Contains(encodings, strings.ToLower(d.ContentEncoding)) {
		return nil, nil, fmt.Errorf("content_encoding %q is not accepted: send %s", d.ContentEncoding, codec.ContentEncoding())
	}
	compression := ""
	if header := d.Headers["compression"]; header != nil {
		compression = fmt.Sprint(header)
	}
	body, err := Inflate(compression, d.Body, limit)
	return codec, body, err
}

// String returns the content types: "application/json or application/x-msgpack".
func (c Codecs) String() string {
	types := make([]string, len(c))
	for i, codec := range c {
		types[i] = codec.ContentType()
	}
	return strings.Join(types, " or ")
}
