package tlshandshake

import (
	"bytes"
	"encoding/hex"
)

// keyLog keeps the secrets of one connection that an engine writes to its key log, of the lines
//
//	CLIENT_TRAFFIC_SECRET_0 <client random> <secret>
//	SERVER_TRAFFIC_SECRET_0 <client random> <secret>
//	CLIENT_RANDOM <client random> <master secret>
//
// It is owned by the goroutine of the handshake.
type keyLog struct {
	random                 [32]byte
	client, server, master []byte // nil for none
}

// Write takes one line; others are left out.
func (kl *keyLog) Write(line []byte) (int, error) {
	fields := bytes.Fields(line)
	if len(fields) != 3 || len(fields[1]) != hex.EncodedLen(len(kl.random)) {
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
	if _, err := hex.Decode(kl.random[:], fields[1]); err != nil {
		return 0, err
	}
	secret, err := hex.AppendDecode(nil, fields[2])
	if err != nil {
		return 0, err
	}
	*to = secret
	return len(line), nil
}
