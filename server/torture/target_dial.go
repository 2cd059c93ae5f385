//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sys/unix"
)

// how configures a raw client.
type how struct {
	from    string // source address in the loopback network; "" for any
	receive int    // bytes of the receive buffer; 0 for the kernel's choice
	rate    int    // bytes a second that it reads at most; 0 for no limit
	header  string // lines that end with CRLF
	behind  []byte // sent together with the handshake
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
	address, secure := strings.CutPrefix(t.chat, tlsScheme)
	c, err := d.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	t.opened(c)
	if o.rate > 0 {
		c = &paced{Conn: c, rate: o.rate}
	}
	if secure {
		return secured(c)
	}
	return c, nil
}

// refused is the error of a handshake response other than 101.
type refused struct{ status int }

func (no refused) Error() string { return "HTTP " + http.StatusText(no.status) }

// raw connects and waits for the 101. Any other response is returned as a refused error.
func (t *target) raw(path string, o how) (*raw, error) {
	c, err := t.tcp(o)
	if err != nil {
		return nil, err
	}
	return upgrade(c, path, o)
}

// upgrade makes the WebSocket handshake on c.
func upgrade(c net.Conn, path string, o how) (*raw, error) {
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

// plain joins a room as a plain client.
func (t *target) plain(room string, o how) (*raw, error) { return t.raw("/ws?room="+room, o) }

// sdk connects as a user of the SDK protocol, in JSON. It sends the commands after the connect command, in one frame, and waits for a reply
// to each command. A command has neither braces nor an ID: sdk adds both.
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

// connect opens an SDK client of a user, from an address in the loopback network ("" for any).
func (t *target) connect(user, from string) (*member, error) {
	ctx, cancel := deadline()
	defer cancel()
	dialer := net.Dialer{}
	if from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	address, secure := strings.CutPrefix(t.chat, tlsScheme)
	scheme := "ws://"
	if secure {
		scheme = "wss://"
	}
	c, _, err := websocket.Dial(ctx, scheme+address+"/connection/websocket", &websocket.DialOptions{HTTPClient: clientOf(&dialer)})
	if err != nil {
		return nil, err
	}
	c.SetReadLimit(-1)
	m := &member{conn: c}
	if _, err := m.call(`"connect":{"token":"` + token(user) + `"}`); err != nil {
		return nil, errors.Join(err, c.CloseNow())
	}
	return m, nil
}

// clientOf returns an HTTP client that dials by d.
func clientOf(d *net.Dialer) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: d.DialContext, DisableKeepAlives: true, TLSClientConfig: clientTLS}}
}
