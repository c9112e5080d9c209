package transport_test

import (
	"encoding/binary"
	"net"
	"net/url"
	"sync"
	"testing"
)

// A proxy is a network between a client and a broker that can fail. It records what the client
// sends.
type proxy struct {
	uri    string
	target string
	l      net.Listener
	wg     sync.WaitGroup

	mu     sync.Mutex
	conns  []net.Conn // two for each connection: the client's, the broker's
	resume chan struct{}
	sent   []byte
	edit   func(fromBroker []byte) []byte
}

// newProxy starts a proxy to the broker of uri.
func newProxy(t *testing.T, uri string) *proxy {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{target: u.Host, l: l}
	u.Host = l.Addr().String()
	p.uri = u.String()
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.release()
		p.cut()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) accept() {
	for {
		client, err := p.l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		p.wg.Go(func() { p.pump(client, server, true) })
		p.wg.Go(func() { p.pump(server, client, false) })
	}
}

func (p *proxy) pump(from, to net.Conn, fromClient bool) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 1<<16)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		resume, data := p.resume, buf[:n]
		p.mu.Unlock()
		if resume != nil {
			<-resume
		}
		p.mu.Lock()
		if fromClient {
			p.sent = append(p.sent, data...)
		} else if p.edit != nil {
			data = p.edit(data)
		}
		_, failed := to.Write(data)
		p.mu.Unlock()
		if err != nil || failed != nil {
			return
		}
	}
}

// cut resets all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	p.conns = nil
}

// hang stops passing bytes until release and keeps the connections open, like a stopped broker or a
// cut cable.
func (p *proxy) hang() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resume = make(chan struct{})
}

func (p *proxy) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.resume != nil {
		close(p.resume)
		p.resume = nil
	}
}

// inject sends frames to the client of the only connection, as if they came from the broker.
func (p *proxy) inject(frames []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[0].Write(frames)
}

// A method is a method frame that the client has sent, or the content header that followed it,
// which has method 0.
type method struct {
	channel       uint16
	class, method uint16
	payload       []byte
}

// methods returns what the client has sent on the latest connection.
func (p *proxy) methods() []method {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []method
	for b := p.sent; len(b) >= 8; {
		if string(b[:4]) == "AMQP" {
			list, b = nil, b[8:]
			continue
		}
		size := int(binary.BigEndian.Uint32(b[3:]))
		if len(b) < size+8 {
			break
		}
		if payload := b[7 : 7+size]; b[0] <= 2 {
			m := method{binary.BigEndian.Uint16(b[1:]), binary.BigEndian.Uint16(payload), binary.BigEndian.Uint16(payload[2:]), payload[4:]}
			list = append(list, m)
		}
		b = b[8+size:]
	}
	return list
}
