package ws

import (
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"strings"
)

// Version is the only version of the protocol there is.
const Version = "13"

// HandshakeError is a request that may not become a WebSocket: the HTTP status to answer with, and why.
type HandshakeError struct {
	Status int
	Reason string
}

func (e *HandshakeError) Error() string { return e.Reason }

// CheckHandshake says whether r is a client's opening handshake (RFC 6455, 4.2.1), and returns its key. The error is a
// *HandshakeError; with status 426 the answer needs the header Sec-WebSocket-Version.
func CheckHandshake(r *http.Request) (key string, err error) {
	refuse := func(status int, reason string) (string, error) {
		return "", &HandshakeError{Status: status, Reason: reason}
	}
	switch {
	case r.Method != http.MethodGet:
		return refuse(http.StatusMethodNotAllowed, "a WebSocket starts with GET")
	case r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return refuse(http.StatusBadRequest, "a WebSocket needs HTTP/1.1")
	case r.Host == "":
		return refuse(http.StatusBadRequest, "header Host is empty")
	case r.URL.Scheme != "" || r.URL.Host != "" || !strings.HasPrefix(r.URL.Path, "/"):
		return refuse(http.StatusBadRequest, "request target must be a path")
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return refuse(http.StatusBadRequest, "a handshake has no body")
	case len(r.Header["Upgrade"]) != 1 || !HasToken(r.Header["Upgrade"], "websocket"):
		return refuse(http.StatusBadRequest, "header Upgrade must be websocket, once")
	case !HasToken(r.Header["Connection"], "upgrade"):
		return refuse(http.StatusBadRequest, "header Connection must name Upgrade")
	}
	if v := r.Header["Sec-Websocket-Version"]; len(v) != 1 || v[0] != Version {
		return refuse(http.StatusUpgradeRequired, "Sec-WebSocket-Version must be 13, once")
	}
	keys := r.Header["Sec-Websocket-Key"]
	if len(keys) != 1 || !validKey(keys[0]) {
		return refuse(http.StatusBadRequest, "Sec-WebSocket-Key must be 16 bytes in base64, once")
	}
	return keys[0], nil
}

// 4.1: the key is 16 bytes in base64.
func validKey(key string) bool {
	if len(key) != base64.StdEncoding.EncodedLen(16) {
		return false
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(key)
	return err == nil && len(raw) == 16
}

// HasToken looks for a token in a comma-separated list of one or more header lines, ignoring case (RFC 9110, 5.6.1).
// EqualFold folds all of Unicode: a Kelvin sign is a k to it. Nothing but ASCII folds to ASCII of the same length.
func HasToken(lines []string, token string) bool {
	for _, line := range lines {
		for item := range strings.SplitSeq(line, ",") {
			item = strings.Trim(item, " \t")
			if len(item) == len(token) && strings.EqualFold(item, token) {
				return true
			}
		}
	}
	return false
}

// AcceptKey is the proof that the server read the key (4.2.2).
func AcceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// SwitchingProtocols is the whole answer to a good handshake. No extension is accepted; subprotocol, if not empty, is the one
// of those offered that is.
func SwitchingProtocols(key, subprotocol string) []byte {
	chosen := ""
	if subprotocol != "" {
		chosen = "Sec-WebSocket-Protocol: " + subprotocol + "\r\n"
	}
	return []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + AcceptKey(key) + "\r\n" + chosen + "\r\n")
}
