package tlshandshake

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/throng-chat/throng/server/tlsrec"
)

const (
	recordHeaderLen = 5
	recordAlert     = 21
	recordHandshake = 22
	recordData      = 23
	serverHello     = 2

	maxHandshakeRecord = 16<<10 + 256

	// MaxHandshakeBytes is the number of bytes that the peer may send during a handshake. With a chain of client certificates it needs about 8 KiB.
	MaxHandshakeBytes = 64 << 10

	firstRead = 2 << 10 // bytes: a hello with a post-quantum key share has 1.7 KB
	smallRead = 256     // bytes: the records after the hello have 80 bytes together, and thousands of handshakes may wait for them
)

// The faults of a peer that no engine reports.
var (
	// ErrNotTLS is when the first byte cannot be one of TLS, such as of an HTTP request.
	ErrNotTLS = errors.New("the first bytes are not those of TLS")

	errRecordLength = fmt.Errorf("a record of the TLS handshake has more than %d bytes", maxHandshakeRecord)
	errTooLong      = fmt.Errorf("the TLS handshake has more than %d bytes", MaxHandshakeBytes)
)

// recordConn is the connection as an engine has it during the handshake: each Read returns bytes of one record at most, and nothing of the
// next one before an engine asks for it. It notes what it needs of the records written. It is owned by the goroutine of the handshake.
type recordConn struct {
	net.Conn
	turns    *turns
	from     netip.Addr // for turns
	gone     <-chan struct{}
	steps    int    // that had a slot
	computes bool   // it has a slot of turns
	unread   []byte // read from the socket, and not given to the engine
	current  int    // bytes at the front of unread that belong to the record being read
	given    int    // bytes of all records
	rejected error  // why the bytes of the peer are rejected, if the engine does not return it

	random []byte // of the ServerHello; nil until it was sent
	last   []byte // the last record of application data's content type that was sent
}

// acquire waits for a slot. The error is net.ErrClosed if the connection was closed meanwhile.
func (c *recordConn) acquire() error {
	begun := c.random != nil && c.steps <= maxAhead
	if !c.turns.acquire(c.from, begun, c.gone) {
		return net.ErrClosed
	}
	c.computes = true
	c.steps++
	return nil
}

// release gives the slot, if it has one, to another handshake.
func (c *recordConn) release() {
	if c.computes {
		c.computes = false
		c.turns.release()
	}
}

// step calls f on a goroutine of its own while it holds a slot.
func (c *recordConn) step(f func() error) error {
	if err := c.acquire(); err != nil {
		return err
	}
	defer c.release()
	done := make(chan error, 1)
	go func() {
		var err error
		defer func() { done <- recovered(err, recover()) }()
		err = f()
	}()
	return <-done
}

// next returns the next record if all of it has been read, else nil. It is valid until the next call of fill.
func (c *recordConn) next() ([]byte, error) {
	if missing, err := c.missing(); err != nil || missing > 0 {
		return nil, err
	}
	record := c.unread[:c.current]
	c.unread, c.current = c.unread[c.current:], 0
	return record, nil
}

// rest returns the bytes that were read after the handshake.
func (c *recordConn) rest() []byte {
	if len(c.unread) == 0 {
		return nil
	}
	return bytes.Clone(c.unread) // without the room of the hello
}

// Read returns bytes of the current record, after all of it has arrived.
func (c *recordConn) Read(b []byte) (int, error) {
	if c.current == 0 {
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(b, c.unread[:c.current])
	c.unread = c.unread[n:]
	c.current -= n
	return n, nil
}

// fill reads until a whole record is there.
func (c *recordConn) fill() error {
	for {
		missing, err := c.missing()
		if err != nil || missing == 0 {
			return err
		}
		if err := c.more(missing); err != nil {
			return err
		}
	}
}

// missing returns how many bytes of the next record have not been read, or smallRead if its header has not been. If it is 0, the next
// record is the current one.
func (c *recordConn) missing() (int, error) {
	if c.current > 0 {
		return 0, nil
	}
	n, err := c.size()
	switch {
	case err != nil:
		c.rejected = err
		return 0, err
	case n == 0:
		return smallRead, nil
	case n > len(c.unread):
		return n - len(c.unread), nil
	}
	c.current = n
	c.given += n
	return 0, nil
}

// size is the length of the record that unread begins with, 0 while its header is incomplete.
func (c *recordConn) size() (int, error) {
	if c.given == 0 && len(c.unread) > 0 && c.unread[0] != recordHandshake && c.unread[0] != recordAlert {
		return 0, ErrNotTLS
	}
	if len(c.unread) < recordHeaderLen {
		return 0, nil
	}
	n := recordHeaderLen + int(c.unread[3])<<8 + int(c.unread[4])
	switch {
	case n > recordHeaderLen+maxHandshakeRecord:
		return 0, errRecordLength
	case c.given+n > MaxHandshakeBytes:
		return 0, errTooLong
	}
	return n, nil
}

// more reads once from the socket, n bytes or more, and gives the slot to another handshake meanwhile.
func (c *recordConn) more(n int) error {
	if c.given == 0 {
		n = max(n, firstRead)
	}
	if len(c.unread) == 0 {
		c.unread = nil // not the room of the record before, for the time of waiting
	}
	c.unread = slices.Grow(c.unread, max(n, smallRead))
	at := len(c.unread)
	computed := c.computes
	c.release()
	n, err := c.Conn.Read(c.unread[at:cap(c.unread)])
	c.unread = c.unread[:at+n]
	if computed {
		if err := c.acquire(); err != nil {
			return err
		}
	}
	if n > 0 {
		return nil
	}
	return err
}

// Write sends whole records.
func (c *recordConn) Write(b []byte) (int, error) {
	c.note(b)
	return c.Conn.Write(b)
}

// note keeps the random of the ServerHello, which is the first message sent, and the last sealed record of TLS 1.3.
func (c *recordConn) note(b []byte) {
	const at = recordHeaderLen + 4 + 2 // headers of record and message, version
	if c.random == nil && len(b) >= at+32 && b[0] == recordHandshake && b[recordHeaderLen] == serverHello {
		c.random = bytes.Clone(b[at : at+32])
	}
	var last []byte
	for len(b) >= recordHeaderLen {
		n := recordHeaderLen + int(b[3])<<8 + int(b[4])
		if n > len(b) {
			break
		}
		if b[0] == recordData {
			last = b[:n]
		}
		b = b[n:]
	}
	if last != nil {
		c.last = append(c.last[:0], last...)
	}
}

// keys are the secrets of a complete handshake, and the sequence numbers after it.
func (c *recordConn) keys(s *State, log *keyLog) (*tlsrec.Keys, error) {
	k := &tlsrec.Keys{Version: s.Version, Suite: s.Suite}
	if s.Version != tls.VersionTLS13 {
		k.Master, k.ClientRandom, k.ServerRandom = log.master, log.random[:], c.random
		k.ClientSeq, k.ServerSeq = 1, 1 // the Finished messages
		return k, nil
	}
	k.ClientSecret, k.ServerSecret = log.client, log.server
	var err error
	k.ServerSeq, err = tlsrec.CountSealed(k, c.last)
	return k, err
}
