package tlsclient

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"net"
	"slices"

	"github.com/throng-chat/throng/server/tlsrec"
)

const (
	recordHeaderLen = 5
	recordHandshake = 22
	serverHello     = 2

	firstRead = 4 << 10 // bytes: most servers answer with less
)

// recordConn is the connection as crypto/tls has it during the handshake: each Read returns bytes of one record at most. So crypto/tls has read
// nothing of the records after the handshake. It is owned by the goroutine of the handshake.
type recordConn struct {
	net.Conn
	unread  []byte // read from the socket, and not given to crypto/tls
	current int    // bytes at the front of unread that belong to the record being read
	random  []byte // of the ServerHello; nil until it has come
}

// Read returns bytes of the current record.
func (rc *recordConn) Read(b []byte) (int, error) {
	for rc.current == 0 {
		if rc.next() {
			break
		}
		rc.unread = slices.Grow(rc.unread, firstRead)
		n, err := rc.Conn.Read(rc.unread[len(rc.unread):cap(rc.unread)])
		rc.unread = rc.unread[:len(rc.unread)+n]
		if n == 0 && err != nil {
			if len(rc.unread) > 0 {
				return rc.give(b, len(rc.unread)), nil // the part of a record: crypto/tls names the fault
			}
			return 0, err
		}
	}
	n := rc.give(b, rc.current)
	rc.current -= n
	return n, nil
}

// give moves up to n bytes of unread to b.
func (rc *recordConn) give(b []byte, n int) int {
	n = copy(b, rc.unread[:n])
	rc.unread = rc.unread[n:]
	return n
}

// next begins the next record, as soon as all of it is there. It begins a record that crypto/tls will reject by its header at once.
func (rc *recordConn) next() bool {
	if len(rc.unread) < recordHeaderLen {
		return false
	}
	n := recordHeaderLen + int(rc.unread[3])<<8 + int(rc.unread[4])
	if rc.unread[1] != 3 || n > recordHeaderLen+tlsrec.MaxPlaintext+2048 { // the most that TLS 1.2 allows
		n = recordHeaderLen
	}
	if len(rc.unread) < n {
		return false
	}
	const at = recordHeaderLen + 4 + 2 // headers of record and message, version
	if rc.random == nil && n >= at+32 && rc.unread[0] == recordHandshake && rc.unread[recordHeaderLen] == serverHello {
		rc.random = bytes.Clone(rc.unread[at : at+32])
	}
	rc.current = n
	return true
}

// keys returns the secrets of a complete handshake. Session tickets of TLS 1.3 follow, so no record of either side has been sealed with them.
// In TLS 1.2, the Finished messages have been.
func (rc *recordConn) keys(state *tls.ConnectionState, log *keyLog) *tlsrec.Keys {
	k := &tlsrec.Keys{Version: state.Version, Suite: state.CipherSuite}
	if state.Version == tls.VersionTLS13 {
		k.ClientSecret, k.ServerSecret = log.client, log.server
		return k
	}
	k.Master, k.ClientRandom, k.ServerRandom = log.master, log.random, rc.random
	k.ClientSeq, k.ServerSeq = 1, 1
	return k
}

// keyLog takes the secrets of one connection from the key log of crypto/tls. It is owned by the goroutine of the handshake.
type keyLog struct{ random, client, server, master []byte }

// Write takes one line: a label, the client random and the secret.
func (kl *keyLog) Write(line []byte) (int, error) {
	fields := bytes.Fields(line)
	if len(fields) != 3 {
		return len(line), nil
	}
	var to *[]byte
	switch string(fields[0]) {
	case "CLIENT_TRAFFIC_SECRET_0":
		to = &kl.client
	case "SERVER_TRAFFIC_SECRET_0":
		to = &kl.server
	case "CLIENT_RANDOM":
		to = &kl.master
	default:
		return len(line), nil
	}
	var err error
	if kl.random, err = hex.AppendDecode(nil, fields[1]); err == nil {
		*to, err = hex.AppendDecode(nil, fields[2])
	}
	return len(line), err
}
