// Package frame reads and writes AMQP 0-9-1: frames, methods, content headers and field tables.
//
// It is the wire and nothing else: who may send which method when, and what
// it does, is the affair of the peers. Nothing here blocks but reading, and
// whatever a peer sends is answered by an [*Error], never by a panic or by more
// memory than the frame that it sent.
//
// # Reading
//
// A [Reader] cuts a stream into frames and decodes their payloads. What it
// returns is valid until the next call: a busy connection allocates nothing for
// the methods it reads.
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
// Each method is a struct that lists its fields once, in the order of the wire;
// both directions follow that list.
//
// # Tables and properties
//
// A [Table] keeps its fields in order, so that what was read is written back byte
// for byte. [Properties] stay encoded: they are checked as a whole, passed on as
// they came, and single ones are looked up where they are needed.
package frame
