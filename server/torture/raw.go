//go:build linux

package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// raw is a WebSocket client that costs little: thousands of them fit beside the server that they attack. Frames are masked with zero.
type raw struct {
	net.Conn
	in *bufio.Reader
}

// how a raw client connects.
type how struct {
	from    string // an address of the loopback network; "" for any
	receive int    // bytes of the receive buffer; 0 for the kernel's choice
	rate    int    // bytes a second that are read at most; 0 for any
	header  string // lines that end with CRLF
	behind  []byte // sent with the handshake
}

// tcp connects without a handshake.
func (t *target) tcp(o how) (net.Conn, error) {
	d := net.Dialer{Timeout: wait}
	if o.from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(o.from)}
	}
	if o.receive > 0 {
		d.Control = func(_, _ string, c syscall.RawConn) error {
			var failed error
			err := c.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, o.receive) })
			if err != nil {
				return err
			}
			return failed
		}
	}
	c, err := d.Dial("tcp", t.chat)
	if err != nil {
		return nil, err
	}
	t.opened(c)
	if o.rate > 0 {
		return &paced{Conn: c, rate: o.rate}, nil
	}
	return c, nil
}

// refused is a handshake that was answered with something else than 101.
type refused struct{ status int }

func (no refused) Error() string { return "HTTP " + http.StatusText(no.status) }

// raw connects and waits for the 101. Any other answer is a refused.
func (t *target) raw(path string, o how) (*raw, error) {
	c, err := t.tcp(o)
	if err != nil {
		return nil, err
	}
	head := "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + o.header + "\r\n"
	r := &raw{Conn: c, in: bufio.NewReaderSize(c, 1<<10)}
	if err := c.SetDeadline(time.Now().Add(wait)); err != nil {
		return nil, err
	}
	if _, err := c.Write(append([]byte(head), o.behind...)); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(r.in, nil)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		return nil, refused{answer.StatusCode}
	}
	return r, c.SetDeadline(time.Time{})
}

// sdk connects as a user of the SDK protocol, in JSON, sends commands behind the connect command, and waits for as many replies as
// there are commands. Each command lacks its braces and id.
func (t *target) sdk(user string, o how, commands ...string) (*raw, error) {
	commands = append([]string{`"connect":{"token":"` + token(user) + `"}`}, commands...)
	o.behind = frame(batch(1, commands...))
	r, err := t.raw("/connection/websocket", o)
	if err != nil {
		return nil, err
	}
	for answered := 0; answered < len(commands); {
		lines, err := r.lines()
		if err != nil {
			return nil, err
		}
		for _, line := range lines {
			if strings.Contains(line, `"error"`) {
				return nil, fmt.Errorf("%s", line)
			}
			if strings.HasPrefix(line, `{"id"`) {
				answered++
			}
		}
	}
	return r, nil
}

// batch is one frame's commands, the first with the id from.
func batch(from int, commands ...string) []byte {
	var b []byte
	for i, c := range commands {
		b = fmt.Appendf(b, "{\"id\":%d,%s}\n", from+i, c)
	}
	return b
}

// frame is a text message.
func frame(payload []byte) []byte { return append(head(0x81, len(payload)), payload...) }

// head is that of a frame of n bytes, masked with zero.
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

// closed is a close frame.
type closed struct {
	code   int
	reason string
}

func (c closed) Error() string { return fmt.Sprintf("close %d %s", c.code, c.reason) }

// message waits for the next data frame. It answers pings; a close frame is a closed.
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

// lines are those of the next message of the SDK protocol that has any beside pings, which it answers.
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

// discard reads and forgets until the connection ends.
func (r *raw) discard() { go io.Copy(io.Discard, r.Conn) }

// established says whether the server's side of TCP has not ended.
func established(c net.Conn) bool {
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

// paced reads so many bytes a second at most.
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

// crowd does something n times, 32 at a time, and returns the first error.
func crowd(n int, do func(i int) error) error {
	var next atomic.Int64
	var failed error
	var once sync.Once
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := do(i); err != nil {
					next.Store(int64(n))
					once.Do(func() { failed = err })
				}
			}
		})
	}
	all.Wait()
	return failed
}

// raiseFiles allows as many open files as the system does.
func raiseFiles() {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	if err == nil {
		limit.Cur = limit.Max
		err = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "limit of open files:", err)
	}
}
