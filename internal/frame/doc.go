// Package frame reads and writes AMQP 0-9-1: frames, methods, content headers and field tables.
//
// It only deals with the encoding: it does not check whether the peer may send a method, and does
// not execute methods. Only reading blocks. Invalid input results in an [*Error]; it never causes a
// panic, and never takes more memory than the frame.
//
// # Reading
//
// A [Reader] splits a stream into frames and decodes their payloads. Its results are only valid
// until the next call, so a connection need not allocate memory for each method.
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
// A [Table] keeps its fields in order, so a table that was read is written back byte for byte.
// [Properties] stay encoded: they are checked once and passed on unchanged. Individual properties
// are decoded when they are needed.
package frame
