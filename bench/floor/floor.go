// Package floor measures the kernel's cost of a broadcast. Costs as a multiple of it can be compared between machines. It is a server with
// one thread and one epoll. It answers each handshake, and sends each text frame to every connection of its room by one send() call. It
// queues nothing: a connection whose socket is full is counted and closed. It trusts its input and has no other features, so it is not a
// server for real use.
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
	room *room  // nil until the handshake is answered
	at   int    // index in room.peers
	rest []byte // the beginning of an incomplete request or frame
}

// room is the connections with one value of the query parameter room.
type room struct{ peers []*peer }

// hall has all connections. One thread owns it.
type hall struct {
	rooms   map[string]*room
	send    func(fd int, b []byte) error // sends all of b, or fails
	close   func(fd int)
	out     []byte
	refused int // sends that the kernel did not accept at once
}

var (
	errRequest = errors.New("not an upgrade request")
	errFrame   = errors.New("not a client frame")
	errClosed  = errors.New("close frame received")
)

// take processes bytes read from p and writes the responses. It may change b.
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
		if err := h.upgrade(p, b[:end+4]); err != nil {
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

// upgrade answers a handshake and adds p to its room.
func (h *hall) upgrade(p *peer, head []byte) error {
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
	return h.send(p.fd, ws.SwitchingProtocols(string(key), "", ""))
}

// frame processes the first frame of b and returns its length, or 0 if it is incomplete.
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

// unmask reverses a client's masking (RFC 6455, 5.3).
func unmask(b []byte, key uint32) {
	for k := uint64(key)<<32 | uint64(key); len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^k)
	}
	for i := range b {
		b[i] ^= byte(key >> (8 * (i & 3)))
	}
}

// broadcast sends out to all connections of the room. It closes a connection whose socket is full.
func (h *hall) broadcast(r *room) {
	for i := 0; i < len(r.peers); i++ {
		p := r.peers[i]
		if err := h.send(p.fd, h.out); err != nil {
			h.refused++
			h.leave(p)
			i-- // another peer has this index now
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

// Refused is the error of a run with sends that the kernel did not accept at once: their number.
type Refused int

func (n Refused) Error() string {
	return fmt.Sprintf("%d sends did not fit into the kernel's buffers, so their connections were closed: the clients read too slowly for this load", int(n))
}
