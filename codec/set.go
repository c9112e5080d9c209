package codec

import (
	"errors"
	"fmt"
	"mime"
	"slices"
	"strings"
)

// A Set holds the codecs that a receiver accepts. The content type of a message selects one of
// them.
type Set []Codec

// Of returns the codec for a content type, or nil if the set has none. A content type is a media
// type with parameters, in upper or lower case: "application/json; charset=UTF-8" is JSON. A
// charset must be one that the codec reads: UTF-8 or US-ASCII if it encodes text. The first codec
// is for messages without a content type.
func (s Set) Of(contentType string) Codec {
	c, charset := s.match(contentType)
	if c == nil || !readsCharset(c, charset) {
		return nil
	}
	return c
}

// match returns the codec for a media type, or nil, and the charset among its parameters.
func (s Set) match(contentType string) (c Codec, charset string) {
	for _, c := range s {
		if contentType == "" || contentType == c.ContentType() {
			return c, ""
		}
	}
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, ""
	}
	for _, c := range s {
		if strings.EqualFold(mediaType, c.ContentType()) {
			return c, parameters["charset"]
		}
	}
	return nil, ""
}

// remedy returns what to send instead of a content type that the set does not have.
func (s Set) remedy(contentType string) string {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if errors.Is(err, mime.ErrInvalidMediaParameter) && slices.ContainsFunc(s, func(c Codec) bool { return mediaType == c.ContentType() }) {
		return fmt.Sprintf("what follows %s must be parameters such as charset=utf-8: correct it, or send %[1]s", mediaType)
	}
	return "send " + s.String()
}

// readsCharset reports whether c reads text in this charset. A charset has no meaning for data that
// is not text.
func readsCharset(c Codec, charset string) bool {
	return c.ContentEncoding() != "utf-8" || slices.Contains([]string{"", "utf-8", "utf8", "us-ascii"}, strings.ToLower(charset))
}

// A Body is the body of a message that was received, with what the message says about it.
type Body struct {
	ContentType     string
	ContentEncoding string
	Headers         map[string]any // "compression" is read
	Data            []byte
}

// Open returns the codec for b and the decompressed data of b. It does not check whether the data
// is valid. If the content type, the charset, the content encoding or the compression is not
// supported, the error says what to send instead. Open also returns an error if the data has more
// than limit bytes: a [*TooLarge] before it is decompressed, another error after that.
// Decompressing is charged to budget, which may be nil.
func (s Set) Open(b Body, limit int, budget *Budget) (Codec, []byte, error) {
	if len(b.Data) > limit {
		return nil, nil, &TooLarge{len(b.Data), limit}
	}
	c, charset := s.match(b.ContentType)
	if c == nil {
		return nil, nil, fmt.Errorf("content_type %q is not accepted: %s", b.ContentType, s.remedy(b.ContentType))
	}
	if !readsCharset(c, charset) {
		return nil, nil, fmt.Errorf("content_type %q is not accepted: send %s in UTF-8", b.ContentType, c.ContentType())
	}
	encodings := []string{"", "binary", "utf-8", "utf8", "us-ascii"}
	if !slices.Contains(encodings, strings.ToLower(b.ContentEncoding)) {
		return nil, nil, fmt.Errorf("content_encoding %q is not accepted: send %s", b.ContentEncoding, c.ContentEncoding())
	}
	compression := b.Headers["compression"]
	if compression == nil {
		return c, b.Data, nil
	}
	data, err := inflate(fmt.Sprint(compression), b.Data, limit, budget)
	return c, data, err
}

// String returns the content types: "application/json or application/x-msgpack".
func (s Set) String() string {
	types := make([]string, len(s))
	for i, c := range s {
		types[i] = c.ContentType()
	}
	return strings.Join(types, " or ")
}

// TooLarge is the error of a body that is larger than may be sent or received. Size and Limit are
// in bytes.
type TooLarge struct{ Size, Limit int }

func (e *TooLarge) Error() string {
	return fmt.Sprintf("body of %d bytes is over max_message, %d", e.Size, e.Limit)
}
