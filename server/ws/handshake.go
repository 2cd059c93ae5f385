package ws

import (
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"strings"
	"unsafe"
)

// Version is the only version of the protocol.
const Version = "13"

// HandshakeError is a rejected handshake: the HTTP status of the answer, and the reason.
type HandshakeError struct {
	Status int
	Reason string
}

// Error returns the reason.
func (he *HandshakeError) Error() string { return he.Reason }

// Check checks that h is the opening handshake of a client (RFC 6455, 4.2.1). The error is a *HandshakeError. A response with status 426
// needs the header Sec-WebSocket-Version.
func (h *Head) Check() error {
	reject := func(status int, reason string) error { return &HandshakeError{Status: status, Reason: reason} }
	switch {
	case h.Upgrade.Count != 1 || !h.Upgrade.HasToken("websocket"):
		return reject(http.StatusBadRequest, "header Upgrade must be websocket, once")
	case !h.Connection.HasToken("upgrade"):
		return reject(http.StatusBadRequest, "header Connection must name Upgrade")
	case h.Version.Count != 1 || h.Version.Value != Version:
		return reject(http.StatusUpgradeRequired, "Sec-WebSocket-Version must be 13, once")
	case h.Key.Count != 1 || !validKey(h.Key.Value):
		return reject(http.StatusBadRequest, "Sec-WebSocket-Key must be 16 bytes in base64, once")
	}
	return nil
}

// validKey reports whether key is 16 bytes in base64 (4.1).
func validKey(key string) bool {
	if len(key) != base64.StdEncoding.EncodedLen(16) {
		return false
	}
	var raw [18]byte
	n, err := strictBase64.Decode(raw[:], unsafe.Slice(unsafe.StringData(key), len(key))) // Decode only reads it
	return err == nil && n == 16
}

var strictBase64 = base64.StdEncoding.Strict()

// HasToken reports whether a comma-separated list has a token, without regard to case (RFC 9110, 5.6.1). EqualFold folds all of Unicode,
// for example a Kelvin sign to k. But only ASCII folds to ASCII of the same length.
func (f Field) HasToken(token string) bool {
	for item := range strings.SplitSeq(f.Value, ",") {
		item = strings.Trim(item, " \t")
		if len(item) == len(token) && strings.EqualFold(item, token) {
			return true
		}
	}
	return false
}

// AcceptKey returns the value of Sec-WebSocket-Accept, which proves that the server read the key (4.2.2).
func AcceptKey(key string) string { return string(appendAcceptKey(nil, key)) }

const handshakeGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

func appendAcceptKey(b []byte, key string) []byte {
	var proved [24 + len(handshakeGUID)]byte // a valid key has 24 bytes
	sum := sha1.Sum(append(append(proved[:0], key...), handshakeGUID...))
	return base64.StdEncoding.AppendEncode(b, sum[:])
}

// SwitchingProtocols returns the complete response to a valid handshake, in one allocation. subprotocol is one of the offered ones, or empty for
// none. extensions is the value of Sec-WebSocket-Extensions, empty for none.
func SwitchingProtocols(key, subprotocol, extensions string) []byte {
	const (
		before = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
		chosen = "\r\nSec-WebSocket-Protocol: "
		agreed = "\r\nSec-WebSocket-Extensions: "
		after  = "\r\n\r\n"
	)
	size := len(before) + len(after) + 28 // the proof is 20 bytes in base64
	if subprotocol != "" {
		size += len(chosen) + len(subprotocol)
	}
	if extensions != "" {
		size += len(agreed) + len(extensions)
	}
	b := appendAcceptKey(append(make([]byte, 0, size), before...), key)
	if subprotocol != "" {
		b = append(append(b, chosen...), subprotocol...)
	}
	if extensions != "" {
		b = append(append(b, agreed...), extensions...)
	}
	return append(b, after...)
}
