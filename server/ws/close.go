package ws

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// CloseCode says why a connection is closed (RFC 6455, 7.4, and the IANA registry for 1012-1014).
type CloseCode uint16

const (
	CloseNormal        CloseCode = 1000
	CloseGoingAway     CloseCode = 1001
	CloseProtocolError CloseCode = 1002
	CloseNoStatus      CloseCode = 1005 // never on the wire: the close frame was empty
	CloseAbnormal      CloseCode = 1006 // never on the wire: there was no close frame
	CloseInvalidData   CloseCode = 1007
	ClosePolicy        CloseCode = 1008
	CloseTooBig        CloseCode = 1009
	CloseInternal      CloseCode = 1011
	CloseRestart       CloseCode = 1012
	CloseTryLater      CloseCode = 1013
)

// maxReason is what a control frame leaves for the reason.
const maxReason = maxControlPayload - 2

// CloseError is what the peer broke, and what the close frame tells it.
type CloseError struct {
	Code   CloseCode
	Reason string // at most 123 bytes reach the peer
}

func (e *CloseError) Error() string {
	return fmt.Sprintf("close %d: %s", e.Code, e.Reason)
}

func protocolError(reason string) *CloseError {
	return &CloseError{Code: CloseProtocolError, Reason: reason}
}

// ClosePayload is the body of a close frame. CloseNoStatus makes an empty one; a long reason is cut at a rune.
func ClosePayload(code CloseCode, reason string) []byte {
	if code == CloseNoStatus {
		return nil
	}
	for len(reason) > maxReason {
		_, n := utf8.DecodeLastRuneInString(reason)
		reason = reason[:len(reason)-n]
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
}

// ParseClose reads the body of a close frame. A bad one yields the *CloseError to answer with.
func ParseClose(payload []byte) (CloseCode, string, error) {
	if len(payload) == 0 {
		return CloseNoStatus, "", nil
	}
	// 5.5.1: a body starts with a 2-byte code.
	if len(payload) == 1 {
		return 0, "", protocolError("close frame of one byte")
	}
	code := CloseCode(binary.BigEndian.Uint16(payload))
	if !code.mayBeSent() {
		return 0, "", protocolError("close code not allowed on the wire")
	}
	if !utf8.Valid(payload[2:]) {
		return 0, "", &CloseError{Code: CloseInvalidData, Reason: "close reason is not UTF-8"}
	}
	return code, string(payload[2:]), nil
}

// 7.4.1 and 7.4.2: 1004-1006 and 1015 are reserved, 1016-2999 unassigned, below 1000 and above 4999 unused.
func (c CloseCode) mayBeSent() bool {
	return c >= 1000 && c <= 1003 || c >= 1007 && c <= 1014 || c >= 3000 && c <= 4999
}
