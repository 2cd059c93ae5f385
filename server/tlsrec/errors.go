package tlsrec

import (
	"crypto/tls"
	"fmt"
)

// Error is the fault that ends a direction.
type Error struct {
	Alert    tls.AlertError // to be sent to the peer, or received of it
	Received bool           // the alert is the peer's: there is nothing to send
	reason   string
}

func (e *Error) Error() string {
	if e.Received {
		return fmt.Sprintf("the peer sent a TLS alert: %v", e.Alert)
	}
	return e.reason
}

// The alerts of our errors (RFC 8446, 6.2).
const (
	alertUnexpectedMessage tls.AlertError = 10
	alertBadRecordMAC      tls.AlertError = 20
	alertRecordOverflow    tls.AlertError = 22
	alertIllegalParameter  tls.AlertError = 47
	alertDecodeError       tls.AlertError = 50
	alertProtocolVersion   tls.AlertError = 70
	alertInternalError     tls.AlertError = 80
	alertNoRenegotiation   tls.AlertError = 100
)

// The faults of a peer. Each is one value, so a flood of bad records allocates nothing.
var (
	errBadMAC           = &Error{Alert: alertBadRecordMAC, reason: "a TLS record does not authenticate"}
	errVersion          = &Error{Alert: alertProtocolVersion, reason: "a TLS record has a version that is not 0x0303"}
	errOverflow         = &Error{Alert: alertRecordOverflow, reason: "a TLS record is longer than 16 KiB of data"}
	errContentType      = &Error{Alert: alertUnexpectedMessage, reason: "a TLS record has a content type that is not allowed behind the handshake"}
	errNoContentType    = &Error{Alert: alertUnexpectedMessage, reason: "a TLS record has padding only"}
	errEmptyHandshake   = &Error{Alert: alertUnexpectedMessage, reason: "a TLS handshake record is empty"}
	errInterleaved      = &Error{Alert: alertUnexpectedMessage, reason: "a TLS record interrupts a handshake message"}
	errUseless          = &Error{Alert: alertUnexpectedMessage, reason: "too many TLS records in a row without application data"}
	errUpdates          = &Error{Alert: alertUnexpectedMessage, reason: "too many TLS KeyUpdates"}
	errMessage          = &Error{Alert: alertUnexpectedMessage, reason: "a TLS handshake message is not allowed behind the handshake"}
	errBehindKeyUpdate  = &Error{Alert: alertUnexpectedMessage, reason: "a TLS record goes on behind a KeyUpdate"}
	errKeyUpdateLength  = &Error{Alert: alertDecodeError, reason: "a TLS KeyUpdate does not have one byte"}
	errKeyUpdateRequest = &Error{Alert: alertIllegalParameter, reason: "a TLS KeyUpdate has a request that is neither 0 nor 1"}
	errAlertLength      = &Error{Alert: alertDecodeError, reason: "a TLS alert does not have two bytes"}
	errRenegotiation    = &Error{Alert: alertNoRenegotiation, reason: "TLS renegotiation is not supported"}
)

// The faults of a direction that cannot go on.
var (
	errEnded     = &Error{Alert: alertInternalError, reason: "the TLS direction has ended"}
	errExhausted = &Error{Alert: alertInternalError, reason: "the TLS key has sealed as many records as it may"}
)
