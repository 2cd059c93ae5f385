package ws

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// CloseCode is the status code of a close frame (RFC 6455, 7.4, and the IANA registry for 1012 to 1014).
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

// maxReason is the space for the reason in a control frame, in bytes.
const maxReason = maxControlPayload - 2

// CloseError is a violation by the peer, with the code and the reason of the close frame that answers it.
type CloseError struct {
	Code   CloseCode
	Reason string // at most 123 bytes are sent
}

// Error returns the code and the reason.
func (e *CloseError) Error() string {
	return fmt.Sprintf("close %d: %s", e.Code, e.Reason)
}

func protocolError(reason string) *CloseError {
	return &CloseError{Code: CloseProtocolError, Reason: reason}
}

// ClosePayload returns the payload of a close frame. It is empty for CloseNoStatus. A longer reason is cut to 123 bytes at a rune.
func ClosePayload(code CloseCode, reason string) []byte {
	if code == CloseNoStatus {
		return nil
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(code)), CutReason(reason)...)
}

// CutReason returns the part of a reason that a close frame can have: at most 123 bytes, cut at a rune.
func CutReason(reason string) string {
	for len(reason) > maxReason {
		_, n := utf8.DecodeLastRuneInString(reason)
		reason = reason[:len(reason)-n]
	}
	return reason
}

// ParseClose reads the payload of a close frame. The error is a *CloseError to answer with.
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

// mayBeSent reports whether a close frame may have the code. 7.4.1 and 7.4.2: 1004 to 1006 and 1015 are reserved, 1016 to 2999 are not
// assigned, and codes below 1000 or above 4999 are not used.
func (c CloseCode) mayBeSent() bool {
	return c >= 1000 && c <= 1003 || c >= 1007 && c <= 1014 || c >= 3000 && c <= 4999
}
