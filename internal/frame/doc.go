// Package frame reads and writes AMQP 0-9-1: frames, methods, content headers and field tables.
//
// It knows only the encoding, not who may send a method and what the method does. Only reading
// blocks. Invalid input is an [*Error]; it never causes a panic, or uses more memory than the
// frame.
//
// # Reading
//
// A [Reader] splits a stream into frames and decodes their payloads. Its results are valid until
// the next call, so that a connection does not allocate for each method.
//
//	r := frame.NewReader(conn)
//	f, err := r.Next()
//	switch f.Type {
//	case frame.TypeMethod:
//		m, err := r.Method(f.Payload)
//	case frame.TypeHeader:
//		h, err := r.Header(f.Payload)
//	case frame.TypeBody:
//		body = append(body, f.Payload...)
//	}
//
// # Writing
//
// A [Buffer] collects frames for one write.
//
//	var b frame.Buffer
//	b.Method(1, &frame.QueueDeclareOk{Queue: "q"})
//	conn.Write(b.Bytes())
//
// # Methods
//
// Each method is a struct that lists its fields once, in their order on the wire, for encoding and
// decoding.
//
// # Tables and properties
//
// A [Table] keeps its fields in order, so that a table that was read is written back byte for byte.
// [Properties] stay encoded: they are checked once and passed on unchanged. Single properties are
// decoded when they are needed.
package frame
