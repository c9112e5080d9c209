package msgpack

import "github.com/gomeko/gomeko/codec"

// Codec is the codec of application/x-msgpack. Bytes are encoded as bytes, not as text. An integer
// of more than 64 bits cannot be encoded.
var Codec codec.Splitter = codec.New(codec.Format{
	Name:            "msgpack",
	ContentType:     "application/x-msgpack",
	ContentEncoding: "binary",
	NewReader:       newReader,
	NewWriter:       newWriter,
})
