//go:build linux

package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// raw is a WebSocket client with little state, so that thousands of them fit beside the server. Its frames are masked with zero.
type raw struct {
	net.Conn
	in *bufio.Reader
}

// batch returns a frame of commands, with IDs from from on.
func batch(from int, commands ...string) []byte {
	var b []byte
	for i, c := range commands {
		b = fmt.Appendf(b, "{\"id\":%d,%s}\n", from+i, c)
	}
	return b
}

// frame returns a text message.
func frame(payload []byte) []byte { return append(head(0x81, len(payload)), payload...) }

// head returns the head of a frame of n bytes, masked with zero.
func head(first byte, n int) []byte {
	b := []byte{first}
	switch {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	return append(b, 0, 0, 0, 0)
}

// closed is the error of a received close frame.
type closed struct {
	code   int
	reason string
}

func (c closed) Error() string { return fmt.Sprintf("close %d %s", c.code, c.reason) }

// message waits for the next data frame. It answers pings. A close frame is returned as a closed error.
func (r *raw) message() ([]byte, error) {
	for {
		var h [2]byte
		if _, err := io.ReadFull(r.in, h[:]); err != nil {
			return nil, err
		}
		n := uint64(h[1])
		if n >= 126 {
			size := make([]byte, 2+6*(n-126))
			if _, err := io.ReadFull(r.in, size); err != nil {
				return nil, err
			}
			n = binary.BigEndian.Uint64(append(make([]byte, 8-len(size), 8), size...))
		}
		payload := make([]byte, n)
		if _, err := io.ReadFull(r.in, payload); err != nil {
			return nil, err
		}
		switch h[0] & 0xf {
		case 8:
			c := closed{code: 1005}
			if n >= 2 {
				c = closed{int(binary.BigEndian.Uint16(payload)), string(payload[2:])}
			}
			return nil, c
		case 9:
			if _, err := r.Write(append(head(0x8a, len(payload)), payload...)); err != nil {
				return nil, err
			}
		case 1, 2:
			return payload, nil
		}
	}
}

// lines returns the lines of the next message of the SDK protocol that is not just a ping. It answers pings.
func (r *raw) lines() (lines []string, err error) {
	for len(lines) == 0 {
		message, err := r.message()
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(message)) {
			if line = strings.TrimSpace(line); line != "{}" {
				lines = append(lines, line)
				continue
			}
			if _, err := r.Write(frame([]byte("{}"))); err != nil {
				return nil, err
			}
		}
	}
	return lines, nil
}

// discard reads and drops everything until the connection ends.
func (r *raw) discard() { go io.Copy(io.Discard, r.Conn) }

// established reports whether the server has not closed its side of TCP.
func established(c net.Conn) bool {
	if s, is := c.(*securedConn); is {
		c = s.NetConn()
	}
	s, is := c.(syscall.Conn)
	if !is {
		return false
	}
	control, err := s.SyscallConn()
	if err != nil {
		return false
	}
	open := false
	if err := control.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		open = err == nil && info.State == unix.BPF_TCP_ESTABLISHED
	}); err != nil {
		return false
	}
	return open
}

// paced limits the speed of reading, in bytes a second.
type paced struct {
	net.Conn
	rate int
	due  time.Time
}

func (p *paced) Read(b []byte) (int, error) {
	if now := time.Now(); p.due.Before(now) {
		p.due = now
	} else {
		time.Sleep(p.due.Sub(now))
	}
	n, err := p.Conn.Read(b[:min(len(b), max(1, p.rate/50))])
	p.due = p.due.Add(time.Duration(n) * time.Second / time.Duration(p.rate))
	return n, err
}
