package tlsrec

import "crypto/tls"

// Messages that may follow the handshake, besides application data.

// The types of handshake messages, and the length of their header.
const (
	messageHeaderLen = 4

	helloRequest     = 0
	clientHello      = 1
	newSessionTicket = 4
	keyUpdate        = 24
)

// The alerts, beyond those of errors.go, that have a meaning of their own.
const (
	alertCloseNotify  tls.AlertError = 0
	alertUserCanceled tls.AlertError = 90

	levelWarning = 1
	levelFatal   = 2
)

// alert takes the content of an alert record. In TLS 1.3 its level means nothing (RFC 8446, 6).
func (in *In) alert(b []byte) (Record, error) {
	if len(b) != 2 {
		return Record{}, errAlertLength
	}
	level, alert := b[0], tls.AlertError(b[1])
	switch {
	case alert == alertCloseNotify:
		return Record{Kind: Closed}, nil
	case in.is13() && alert == alertUserCanceled, !in.is13() && level == levelWarning:
		return Record{Kind: Ignored}, nil
	default:
		return Record{}, &Error{Alert: alert, Received: true}
	}
}

// handshake takes the content of a handshake record. A message may go over several records, and a record may have several messages, but
// none after a KeyUpdate.
func (in *In) handshake(b []byte) (Record, error) {
	if !in.is13() {
		return Record{}, in.renegotiation(b)
	}
	for len(b) > 0 {
		if in.skip > 0 {
			n := min(int(in.skip), len(b))
			in.skip -= uint32(n)
			b = b[n:]
			continue
		}
		in.message[in.got] = b[0]
		in.got++
		b = b[1:]
		if in.got < messageHeaderLen {
			continue
		}
		length := uint32(in.message[1])<<16 | uint32(in.message[2])<<8 | uint32(in.message[3])
		switch {
		case in.message[0] == newSessionTicket && in.fromServer:
			in.got, in.skip = 0, length
		case in.message[0] != keyUpdate:
			return Record{}, errMessage
		case length != 1:
			return Record{}, errKeyUpdateLength
		case in.got == messageHeaderLen+1:
			in.got = 0
			if len(b) > 0 {
				return Record{}, errBehindKeyUpdate
			}
			return in.keyUpdate(in.message[messageHeaderLen])
		}
	}
	return Record{Kind: Ignored}, nil
}

func (in *In) keyUpdate(request byte) (Record, error) {
	if request > 1 {
		return Record{}, errKeyUpdateRequest
	}
	if in.updates++; in.updates > MaxUpdates {
		return Record{}, errUpdates
	}
	in.update()
	if request == 1 {
		return Record{Kind: UpdateRequested}, nil
	}
	return Record{Kind: Ignored}, nil
}

// renegotiation rejects the only message that may follow the handshake in TLS 1.2: the request for another handshake.
func (in *In) renegotiation(b []byte) error {
	if len(b) > 0 && (b[0] == clientHello && !in.fromServer || b[0] == helloRequest && in.fromServer) {
		return errRenegotiation
	}
	return errMessage
}
