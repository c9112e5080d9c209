package codec

import (
	"fmt"
	"slices"
	"strings"
)

// A Set holds the codecs that a receiver accepts. A message's content type selects one; a message without a content type
// is read with the first.
type Set []Codec

// Of returns the codec of a content_type, which is compared as Nameko does, to the letter; nil if it is not among s.
func (s Set) Of(contentType string) Codec {
	for _, codec := range s {
		if contentType == "" || contentType == codec.ContentType() {
			return codec
		}
	}
	return nil
}

// A Body is the body of a message as it was received, with what the message says about it.
type Body struct {
	ContentType     string
	ContentEncoding string
	Headers         map[string]any // compression is read
	Data            []byte
}

// Open returns b's data as it was before its sender compressed it, and its codec. The error says why it cannot be read,
// and what can: its content_type, its content_encoding, its compression, or a body that is, or becomes, larger than
// limit. Whether it is the codec's is not looked at.
func (s Set) Open(b Body, limit int) (Codec, []byte, error) {
	if len(b.Data) > limit {
		return nil, nil, &TooLarge{len(b.Data), limit}
	}
	codec := s.Of(b.ContentType)
	if codec == nil {
		return nil, nil, fmt.Errorf("content_type %q is not accepted: send %s", b.ContentType, s.String())
	}
	encodings := []string{"", "binary", "utf-8", "utf8", "us-ascii"}
	if !slices.Contains(encodings, strings.ToLower(b.ContentEncoding)) {
		return nil, nil, fmt.Errorf("content_encoding %q is not accepted: send %s", b.ContentEncoding, codec.ContentEncoding())
	}
	compression := ""
	if header := b.Headers["compression"]; header != nil {
		compression = fmt.Sprint(header)
	}
	body, err := Inflate(compression, b.Data, limit)
	return codec, body, err
}

// String returns the content types: "application/json or application/x-msgpack".
func (s Set) String() string {
	types := make([]string, len(s))
	for i, codec := range s {
		types[i] = codec.ContentType()
	}
	return strings.Join(types, " or ")
}

// TooLarge is the error of a body that is larger than Limit, the largest one that may be sent or received. Both are in bytes.
type TooLarge struct{ Size, Limit int }

func (e *TooLarge) Error() string {
	return fmt.Sprintf("body of %d bytes is over max_message, %d", e.Size, e.Limit)
}
