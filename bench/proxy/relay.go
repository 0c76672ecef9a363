//go:build !sandbox

package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http/httputil"
	"time"
)

// piece is what a capped line carries at once, in bytes: at 50 MB/s 5 ms.
const piece = 256 << 10

// earlyPatience is how long the rest of a request may take when its answer is there: by then a client that sees the
// refusal has ended the connection, and a server has read what it had to.
const earlyPatience = 2 * time.Second

// side is one end of a relayed connection.
type side struct {
	*net.TCPConn
	r       *bufio.Reader
	counted int // when a request of it was counted last, as in Proxy.taken
}

// serve relays one client's connection, request by request, over one connection to the server.
func (p *Proxy) serve(conn *net.TCPConn) {
	if !p.keep(conn) {
		conn.Close()
		return
	}
	defer p.drop(conn)
	client := &side{conn, bufio.NewReaderSize(conn, maxHead), -1}
	var server *side
	for {
		request, err := readHead(client.r)
		if err != nil {
			return
		}
		if server == nil {
			back, err := net.Dial("tcp", p.target)
			if err != nil {
				return
			}
			if !p.keep(back) {
				back.Close()
				return
			}
			defer p.drop(back)
			server = &side{back.(*net.TCPConn), bufio.NewReaderSize(back, maxHead), -1}
		}
		if !p.exchange(client, server, request) {
			return
		}
	}
}

// exchange relays one request and its answer, and tells whether the connections may carry more.
func (p *Proxy) exchange(client, server *side, request *head) bool {
	delay := p.begin(Kind(request.first[0], request.first[1], request.copied), &client.counted)
	defer p.end()
	sent := make(chan error, 1)
	go func() { sent <- p.sendRequest(client, server, request) }()
	answer, err := p.answer(server)
	if err != nil {
		client.Close() // ends sendRequest
		server.Close()
		<-sent
		return false
	}
	time.Sleep(delay)
	whole := p.sendAnswer(client, server, request, answer) == nil
	select {
	case err = <-sent:
	case <-time.After(earlyPatience): // answered before the whole request was there, and the rest does not come
		client.Close()
		server.Close()
		<-sent
		return false
	}
	return whole && err == nil && !request.close && !answer.close
}

// answer reads the head of the final answer.
func (p *Proxy) answer(server *side) (*head, error) {
	for {
		h, err := readHead(server.r)
		if err != nil || h.status() >= 200 {
			return h, err
		}
	}
}

func (p *Proxy) sendRequest(client, server *side, h *head) error {
	if _, err := server.Write(h.raw); err != nil {
		return err
	}
	if h.expect {
		if _, err := client.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n")); err != nil {
			return err
		}
	}
	switch {
	case h.chunked:
		n, err := p.chunks(server, client, &p.up)
		p.moved(n, 0)
		return err
	case h.length > 0:
		n, err := p.copy(server, client, h.length, &p.up)
		p.moved(n, 0)
		return err
	}
	return nil
}

func (p *Proxy) sendAnswer(client, server *side, request, h *head) error {
	if _, err := client.Write(h.raw); err != nil {
		return err
	}
	var n int64
	var err error
	switch {
	case h.bodiless(request.first[0]):
	case h.chunked:
		n, err = p.chunks(client, server, &p.down)
	case h.length >= 0:
		n, err = p.copy(client, server, h.length, &p.down)
	default: // up to the end of the connection
		n, err = io.Copy(client.TCPConn, server.r)
		h.close = true
	}
	p.moved(0, n)
	return err
}

// copy moves n bytes: first those that came with the head, then from socket to socket.
func (p *Proxy) copy(dst, src *side, n int64, line *pace) (int64, error) {
	first, _ := src.r.Peek(int(min(int64(src.r.Buffered()), n)))
	line.take(int64(len(first)))
	m, err := dst.Write(first)
	_, _ = src.r.Discard(m)
	done := int64(m)
	for err == nil && done < n {
		step := n - done
		if line.limited() {
			step = min(step, piece)
			line.take(step)
		}
		var moved int64
		moved, err = io.CopyN(dst.TCPConn, src.TCPConn, step)
		done += moved
	}
	return done, err
}

// chunks moves a chunked body and its trailer. The sizes of the chunks may change, which nothing signs.
func (p *Proxy) chunks(dst, src *side, line *pace) (int64, error) {
	w := bufio.NewWriterSize(dst.TCPConn, piece)
	out := httputil.NewChunkedWriter(w)
	n, err := io.CopyBuffer(out, &paced{httputil.NewChunkedReader(src.r), line}, make([]byte, 32<<10))
	if err != nil {
		return n, err
	}
	if err := out.Close(); err != nil { // "0\r\n"
		return n, err
	}
	for {
		text, err := src.r.ReadSlice('\n')
		if err != nil {
			return n, err
		}
		if _, err := w.Write(text); err != nil {
			return n, err
		}
		if len(text) <= 2 {
			return n, w.Flush()
		}
	}
}

// paced reads at the pace of the line.
type paced struct {
	r    io.Reader
	line *pace
}

func (p *paced) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.line.take(int64(n))
	return n, err
}
