// Package floor is what the kernel charges for a broadcast, and nothing else: a yardstick to hold a server's cost against, so that
// figures travel between machines. One thread, one epoll; it answers each handshake, and sends each text frame that comes to every
// connection of its room by one bare send(). It queues nothing: who is not ready misses out, and is counted and closed. It is no
// server: it trusts what it reads, and keeps order for nobody.
package floor

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/throng-chat/throng/server/ws"
)

const (
	readSize = 64 << 10
	maxHead  = 8 << 10
	maxFrame = 2 << 20
)

// peer is one connection.
type peer struct {
	fd   int
	room *room  // nil until its handshake is answered
	at   int    // its place in the room
	rest []byte // what has come of a request or a frame of which more must come
}

// room is who hears each other, by the query room= of their requests.
type room struct{ peers []*peer }

// hall is all of them. It belongs to one thread.
type hall struct {
	rooms   map[string]*room
	send    func(fd int, b []byte) error // takes all of b, or fails
	close   func(fd int)
	out     []byte
	refused int // sends that the kernel did not take at once
}

var (
	errRequest = errors.New("not an upgrade request")
	errFrame   = errors.New("not a client frame")
	errClosed  = errors.New("close frame received")
)

// take is what b, which was read of p, is answered with. b is p's own to change.
func (h *hall) take(p *peer, b []byte) error {
	if len(p.rest) > 0 {
		b = append(p.rest, b...)
	}
	rest, err := h.consume(p, b)
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		p.rest = nil
		return nil
	}
	p.rest = append([]byte(nil), rest...)
	return nil
}

func (h *hall) consume(p *peer, b []byte) (rest []byte, err error) {
	if p.room == nil {
		end := bytes.Index(b, []byte("\r\n\r\n"))
		switch {
		case end < 0 && len(b) > maxHead:
			return nil, errRequest
		case end < 0:
			return b, nil
		}
		if err := h.enter(p, b[:end+4]); err != nil {
			return nil, err
		}
		b = b[end+4:]
	}
	for len(b) > 0 {
		used, err := h.frame(p, b)
		if err != nil {
			return nil, err
		}
		if used == 0 {
			return b, nil
		}
		b = b[used:]
	}
	return nil, nil
}

// enter answers a handshake.
func (h *hall) enter(p *peer, head []byte) error {
	const name = "\r\nsec-websocket-key: "
	i := bytes.Index(bytes.ToLower(head), []byte(name))
	if i < 0 {
		return errRequest
	}
	key, _, _ := bytes.Cut(head[i+len(name):], []byte("\r"))
	line, _, _ := bytes.Cut(head, []byte(" HTTP/"))
	_, query, _ := bytes.Cut(line, []byte("room="))
	named, _, _ := bytes.Cut(query, []byte("&"))
	r := h.rooms[string(named)]
	if r == nil {
		r = &room{}
		h.rooms[string(named)] = r
	}
	p.room, p.at = r, len(r.peers)
	r.peers = append(r.peers, p)
	return h.send(p.fd, ws.SwitchingProtocols(string(key), ""))
}

// frame takes the first frame of b, and says how many bytes it has; 0 where more must come.
func (h *hall) frame(p *peer, b []byte) (used int, err error) {
	if len(b) < 2 {
		return 0, nil
	}
	if b[1]&0x80 == 0 {
		return 0, errFrame
	}
	head, length := 2, int(b[1]&0x7F)
	switch {
	case length == 126 && len(b) < 4, length == 127 && len(b) < 10:
		return 0, nil
	case length == 126:
		head, length = 4, int(binary.BigEndian.Uint16(b[2:]))
	case length == 127:
		n := binary.BigEndian.Uint64(b[2:])
		if n > maxFrame {
			return 0, errFrame
		}
		head, length = 10, int(n)
	}
	if used = head + 4 + length; used > len(b) {
		return 0, nil
	}
	key, payload := binary.LittleEndian.Uint32(b[head:]), b[head+4:used]
	unmask(payload, key)
	switch ws.Opcode(b[0] & 0xF) {
	case ws.OpText:
		h.out = append(append(h.out[:0], b[0], b[1]&0x7F), b[2:head]...)
		h.out = append(h.out, payload...)
		h.broadcast(p.room)
	case ws.OpPing:
		return used, h.send(p.fd, ws.AppendFrame(nil, ws.OpPong, payload))
	case ws.OpClose:
		return used, errClosed
	}
	return used, nil
}

// unmask is the inverse of a client's masking (RFC 6455, 5.3).
func unmask(b []byte, key uint32) {
	for k := uint64(key)<<32 | uint64(key); len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^k)
	}
	for i := range b {
		b[i] ^= byte(key >> (8 * (i & 3)))
	}
}

// broadcast sends out to all of the room. Who cannot take it is closed.
func (h *hall) broadcast(r *room) {
	for i := 0; i < len(r.peers); i++ {
		p := r.peers[i]
		if err := h.send(p.fd, h.out); err != nil {
			h.refused++
			h.leave(p)
			i-- // another has its place now
		}
	}
}

// leave closes p.
func (h *hall) leave(p *peer) {
	if r := p.room; r != nil {
		last := r.peers[len(r.peers)-1]
		r.peers[p.at], last.at = last, p.at
		r.peers = r.peers[:len(r.peers)-1]
		p.room = nil
	}
	if p.fd >= 0 {
		h.close(p.fd)
		p.fd = -1
	}
}

// Refused is how many sends the kernel did not take at once, in an error at the end.
type Refused int

func (n Refused) Error() string {
	return fmt.Sprintf("%d sends did not fit into the kernel's buffers, so their connections were closed: the clients read too slowly for this load", int(n))
}
