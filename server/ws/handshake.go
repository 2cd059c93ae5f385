package ws

import (
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"strings"
	"unsafe"
)

// Version is the only version of the protocol there is.
const Version = "13"

// HandshakeError is a request that may not become a WebSocket: the HTTP status to answer with, and why.
type HandshakeError struct {
	Status int
	Reason string
}

func (he *HandshakeError) Error() string { return he.Reason }

// CheckHandshake says whether r is a client's opening handshake (RFC 6455, 4.2.1), and returns its key. The error is a
// *HandshakeError; with status 426 the answer needs the header Sec-WebSocket-Version.
func CheckHandshake(r *http.Request) (key string, err error) {
	h, err := HeadOf(r)
	if err == nil {
		err = h.Check()
	}
	if err != nil {
		return "", err
	}
	return h.Key.Value, nil
}

// Check says whether h is of an opening handshake. The error is a *HandshakeError.
func (h *Head) Check() error {
	refuse := func(status int, reason string) error { return &HandshakeError{Status: status, Reason: reason} }
	switch {
	case h.Upgrade.Count != 1 || !h.Upgrade.HasToken("websocket"):
		return refuse(http.StatusBadRequest, "header Upgrade must be websocket, once")
	case !h.Connection.HasToken("upgrade"):
		return refuse(http.StatusBadRequest, "header Connection must name Upgrade")
	case h.Version.Count != 1 || h.Version.Value != Version:
		return refuse(http.StatusUpgradeRequired, "Sec-WebSocket-Version must be 13, once")
	case h.Key.Count != 1 || !validKey(h.Key.Value):
		return refuse(http.StatusBadRequest, "Sec-WebSocket-Key must be 16 bytes in base64, once")
	}
	return nil
}

// 4.1: the key is 16 bytes in base64.
func validKey(key string) bool {
	if len(key) != base64.StdEncoding.EncodedLen(16) {
		return false
	}
	var raw [18]byte
	n, err := strictBase64.Decode(raw[:], unsafe.Slice(unsafe.StringData(key), len(key))) // which does not write to it
	return err == nil && n == 16
}

var strictBase64 = base64.StdEncoding.Strict()

// HasToken looks for a token in a comma-separated list of one or more header lines, ignoring case (RFC 9110, 5.6.1).
// EqualFold folds all of Unicode: a Kelvin sign is a k to it. Nothing but ASCII folds to ASCII of the same length.
func (f Field) HasToken(token string) bool {
	for item := range strings.SplitSeq(f.Value, ",") {
		item = strings.Trim(item, " \t")
		if len(item) == len(token) && strings.EqualFold(item, token) {
			return true
		}
	}
	return false
}

// AcceptKey is the proof that the server read the key (4.2.2).
func AcceptKey(key string) string { return string(appendAcceptKey(nil, key)) }

const handshakeGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

func appendAcceptKey(b []byte, key string) []byte {
	var proved [24 + len(handshakeGUID)]byte // a valid key has 24 bytes
	sum := sha1.Sum(append(append(proved[:0], key...), handshakeGUID...))
	return base64.StdEncoding.AppendEncode(b, sum[:])
}

// SwitchingProtocols is the whole answer to a good handshake, in one allocation. No extension is accepted; subprotocol, if not empty, is
// the one of those offered that is.
func SwitchingProtocols(key, subprotocol string) []byte {
	const (
		before = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
		chosen = "\r\nSec-WebSocket-Protocol: "
		after  = "\r\n\r\n"
	)
	size := len(before) + len(after) + 28 // the proof is 20 bytes in base64
	if subprotocol != "" {
		size += len(chosen) + len(subprotocol)
	}
	b := appendAcceptKey(append(make([]byte, 0, size), before...), key)
	if subprotocol != "" {
		b = append(append(b, chosen...), subprotocol...)
	}
	return append(b, after...)
}
