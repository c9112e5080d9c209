// Package msgpack has the codec of MessagePack, as Nameko's msgpack serializer writes and reads it.
//
// The [Codec] supports the values that package codec lists, in fewer bytes than JSON. To send
// msgpack, and to accept both encodings, set it in the configuration of the connection:
//
//	transport.Config{Codec: msgpack.Codec}
//
// The package is separate from codec so that programs that do not use AMQP do not link an
// implementation of msgpack.
package msgpack
