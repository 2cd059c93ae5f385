//go:build linux

package main

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// The attacks on TLS itself. Their servers have a TLS port also if the others have none.
var tlsAttacks = []attack{
	{name: "5,000 hellos that hang", tls: true, run: hangingHellos, memory: 64 << 20, p99: 100 * time.Millisecond},
	{name: "TLS handshakes, cut at any byte", tls: true, run: cutHandshakes, memory: 64 << 20, p99: 100 * time.Millisecond},
	{name: "bad records of every kind", tls: true, run: badRecords, memory: 64 << 20, p99: 100 * time.Millisecond},
}

// hello is the first flight of a client.
func hello() ([]byte, error) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	go tls.Client(theirs, clientTLS).Handshake() // ends with ours
	b := make([]byte, 4<<10)
	n, err := ours.Read(b)
	return b[:n], err
}

// tlsPort connects to the TLS port without a handshake.
func (t *target) tlsPort(from string) (net.Conn, error) {
	d := net.Dialer{Timeout: wait, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp", t.tls)
	if err == nil {
		t.opened(c)
	}
	return c, err
}

// hangingHellos sends hellos and nothing more, with honest handshakes meanwhile. The server must end them.
func hangingHellos(t *target) (string, error) {
	honest, err := startHonest(tlsScheme+t.tls, handshakes)
	if err != nil {
		return "", err
	}
	defer honest.stop()
	before := honest.measure(time.Second)
	first, err := hello()
	if err != nil {
		return "", err
	}
	honest.begin()
	conns := make([]net.Conn, 5000)
	if err := crowd(len(conns), func(i int) (err error) {
		if conns[i], err = t.tlsPort(fmt.Sprintf("127.0.1.%d", i%200+1)); err == nil {
			_, err = conns[i].Write(first)
		}
		return err
	}); err != nil {
		return "", err
	}
	opening := honest.end()
	if err := honest.err(); err != nil {
		return "", fmt.Errorf("an honest handshake: %w", err)
	}
	note := fmt.Sprintf("TLS handshakes p99 %v before, %v while opening", before.Round(100*time.Microsecond), opening.Round(100*time.Microsecond))
	if opening-before > 200*time.Millisecond {
		return note, fmt.Errorf("honest handshakes: %w, 200 ms", errLate)
	}
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		open := 0
		for _, c := range conns {
			if established(c) {
				open++
			}
		}
		if open == 0 {
			return note, nil
		}
		if time.Now().After(end) {
			return note, fmt.Errorf("%d handshakes that hang are not ended", open)
		}
	}
}

// cutConn ends TCP after a number of bytes written.
type cutConn struct {
	net.Conn
	left int
}

func (cc *cutConn) Write(b []byte) (int, error) {
	n, err := cc.Conn.Write(b[:min(len(b), cc.left)])
	if cc.left -= n; cc.left == 0 {
		return n, errors.Join(err, cc.Conn.Close())
	}
	return n, err
}

// cutHandshakes ends handshakes of the client after every number of bytes, then makes a storm of whole ones whose clients go at once.
func cutHandshakes(t *target) (string, error) {
	var whole atomic.Int64
	err := crowd(8000, func(i int) error {
		c, err := t.tlsPort(fmt.Sprintf("127.0.1.%d", i%200+1))
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(wait)); err != nil {
			return err
		}
		if tls.Client(&cutConn{Conn: c, left: 1 + i%2000}, clientTLS).Handshake() == nil {
			whole.Add(1)
		}
		return nil
	})
	note := fmt.Sprintf("%d of 8000 completed", whole.Load())
	if err != nil {
		return note, err
	}
	return note, settles(t)
}

// settles waits until the server has no pending connection, and makes a handshake.
func settles(t *target) error {
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		pending, err := t.metric("throng_handshakes_pending")
		if err != nil {
			return err
		}
		if pending == 0 {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("%.0f connections are still pending", pending)
		}
	}
	c, err := t.tlsPort("127.0.0.9")
	if err != nil {
		return err
	}
	_, err = secured(c)
	return err
}

// badRecords joins as plain clients by TLS, then sends records that do not authenticate, in every form. The server must end each connection.
func badRecords(t *target) (string, error) {
	long := bytes.Repeat([]byte{7}, 20_000)
	bad := map[string][]byte{
		"garbage":                 long[:100],
		"no authentic data":       append([]byte{23, 3, 3, 0, 100}, long[:100]...),
		"too long":                append([]byte{23, 3, 3, 0x41, 1}, long...),
		"empty":                   {23, 3, 3, 0, 0},
		"shorter than a tag":      {23, 3, 3, 0, 1, 0},
		"another version":         {23, 3, 1, 0, 1, 0},
		"change_cipher_spec":      {20, 3, 3, 0, 1, 1},
		"an alert in clear text":  {21, 3, 3, 0, 2, 2, 40},
		"a hello in clear text":   append([]byte{22, 3, 3, 0, 104, 1, 0, 0, 100}, long[:100]...),
		"SSL 2":                   {0x80, 46, 1, 3, 3},
		"HTTP":                    []byte("GET / HTTP/1.1\r\n\r\n"),
		"a content type of 0":     append([]byte{0, 3, 3, 0, 100}, long[:100]...),
		"a record of another key": nil,
	}
	kept := 0
	for name, b := range bad {
		if b == nil {
			b = append([]byte{23, 3, 3, 0, 64}, make([]byte, 64)...)
			rand.Read(b[5:]) // never fails
		}
		if err := crowd(100, func(i int) error {
			nc, err := t.tlsPort(fmt.Sprintf("127.0.1.%d", i%200+1))
			if err != nil {
				return err
			}
			c, err := secured(nc)
			if err != nil {
				return err
			}
			defer c.Close()
			if _, err := upgrade(c, "/ws?room=bad", how{}); err != nil {
				return err
			}
			if err := nc.SetDeadline(time.Now().Add(wait)); err != nil {
				return err
			}
			if _, err := nc.Write(b); err != nil {
				return nil // ended already
			}
			if _, err := io.Copy(io.Discard, nc); errors.Is(err, os.ErrDeadlineExceeded) {
				return fmt.Errorf("%s: the connection is not ended", name)
			}
			return nil
		}); err != nil {
			return "", err
		}
		kept++
	}
	return fmt.Sprintf("%d kinds", kept), settles(t)
}
