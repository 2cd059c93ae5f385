package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/throng-chat/throng/server/ws"
)

// member is a connection of the SDK protocol, in JSON. This program holds it itself, because each one has a token of its own. One goroutine
// reads it; send and close are safe to call from others.
type member struct {
	nc    net.Conn
	in    *bufio.Reader
	lines []string // received lines that receive has not yet returned
	code  ws.CloseCode
}

const (
	sources          = 16 // source addresses, in turn, so that the kernel finds a free port at once
	handshakeTimeout = 20 * time.Second
)

// dialMember opens the nth connection, from one of this machine's loopback addresses.
func dialMember(n int) (*member, error) {
	from := &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+n%sources))}
	dialer := net.Dialer{LocalAddr: from, Timeout: handshakeTimeout, KeepAlive: -1, Control: chooseNoPort}
	nc, err := dialer.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	m := &member{nc: nc, in: bufio.NewReaderSize(nc, 1<<10)}
	if err := m.upgrade(); err != nil {
		nc.Close()
		return nil, err
	}
	return m, nil
}

// chooseNoPort delays the choice of a port to connect. At bind the kernel would search for a port that is free for all targets.
func chooseNoPort(_, _ string, raw syscall.RawConn) error {
	const bindAddressNoPort = 24 // IP_BIND_ADDRESS_NO_PORT of Linux
	var err error
	failed := raw.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, bindAddressNoPort, 1) })
	return errors.Join(failed, err)
}

func (m *member) upgrade() error {
	if err := m.nc.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return err
	}
	if _, err := io.WriteString(m.nc, strings.Replace(request, "/ws", "/connection/websocket", 1)+"\r\n"); err != nil {
		return err
	}
	for status := ""; ; {
		line, err := m.in.ReadString('\n')
		if err != nil {
			return err
		}
		if status == "" {
			status = line
		}
		if line != "\r\n" {
			continue
		}
		if !strings.Contains(status, " 101 ") {
			return fmt.Errorf("response %q", status)
		}
		return m.nc.SetDeadline(time.Time{})
	}
}

// send sends commands, one per line.
func (m *member) send(lines ...string) error { return m.write(ws.OpText, strings.Join(lines, "\n")) }

func (m *member) write(op ws.Opcode, payload string) error {
	_, err := m.nc.Write(ws.AppendMaskedFrame(nil, op, 0x5a3c96e1, []byte(payload)))
	return err
}

// receive returns the next line that is not a ping. It returns io.EOF when the connection is closed; code is then the code of the close
// frame.
func (m *member) receive() (string, error) {
	for {
		for len(m.lines) > 0 {
			line := m.lines[0]
			if m.lines = m.lines[1:]; line != "{}" {
				return line, nil
			}
			if err := m.send("{}"); err != nil {
				return "", err
			}
		}
		op, payload, err := readFrame(m.in)
		switch {
		case err != nil:
			return "", err
		case op == ws.OpClose:
			if m.code, _, err = ws.ParseClose(payload); err != nil {
				return "", err
			}
			if err := m.write(ws.OpClose, string(payload)); err != nil {
				return "", err
			}
		default:
			m.lines = strings.Split(string(payload), "\n")
		}
	}
}

// reply returns the next line that answers the command with the ID. It drops other lines.
func (m *member) reply(id int) (string, error) {
	for begin := fmt.Sprintf(`{"id":%d,`, id); ; {
		line, err := m.receive()
		if err != nil || strings.HasPrefix(line, begin) {
			return line, err
		}
	}
}

func (m *member) close() error { return m.nc.Close() }

// readFrame reads one unfragmented frame of a server.
func readFrame(r *bufio.Reader) (ws.Opcode, []byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:2]); err != nil {
		return 0, nil, err
	}
	op, length := ws.Opcode(head[0]&0x0f), uint64(head[1])
	switch wide := map[uint64]int{126: 2, 127: 8}[length]; {
	case head[0]&0xf0 != 0x80 || length > 127:
		return 0, nil, errors.New("not an unfragmented frame without a mask")
	case wide > 0:
		if _, err := io.ReadFull(r, head[8-wide:]); err != nil {
			return 0, nil, err
		}
		clear(head[:8-wide])
		length = binary.BigEndian.Uint64(head[:])
	}
	if length > 1<<20 {
		return 0, nil, fmt.Errorf("a frame of %d bytes", length)
	}
	payload := make([]byte, length)
	_, err := io.ReadFull(r, payload)
	return op, payload, err
}

// connecting returns the connect command of a user, with a token signed by HS256.
func connecting(user string) (string, error) {
	claims := jwt.MapClaims{"sub": user, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	return fmt.Sprintf(`{"id":1,"connect":{"token":%q}}`, token), err
}
