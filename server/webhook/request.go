package webhook

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Request is the body of a proxy request or of an event notification. The fields are those of Centrifugo's proxy, and "event".
type Request struct {
	Event     string          `json:"event"`
	Client    string          `json:"client"`
	Transport string          `json:"transport"`
	Protocol  string          `json:"protocol"` // "json", "protobuf", or "plain": a client of /ws
	User      string          `json:"user"`
	Meta      json.RawMessage `json:"meta,omitempty"` // of the token, or of the reply to connect: not shown to clients
	Data      []byte          `json:"-"`              // "data" if it is JSON, else "b64data"; "encoding" names the form

	Name     string   `json:"name,omitempty"` // of connect
	Version  string   `json:"version,omitempty"`
	Channels []string `json:"channels,omitempty"` // subscriptions that the client wants to recover

	Channel string `json:"channel,omitempty"` // of subscribe and publish
	Token   string `json:"token,omitempty"`   // of subscribe
	Method  string `json:"method,omitempty"`  // of rpc

	Code    uint16  `json:"code,omitempty"` // of disconnect
	Reason  string  `json:"reason,omitempty"`
	Seconds float64 `json:"seconds,omitempty"` // duration of the connection
}

// encode returns the request as JSON.
func (r *Request) encode() ([]byte, error) {
	type fields Request
	wire := struct {
		*fields
		Encoding string          `json:"encoding"` // "json" or "binary"
		Data     json.RawMessage `json:"data,omitempty"`
		B64Data  string          `json:"b64data,omitempty"`
	}{fields: (*fields)(r), Encoding: "json"}
	if utf8.Valid(r.Data) && json.Valid(r.Data) {
		wire.Data = r.Data
	} else if len(r.Data) > 0 {
		wire.Encoding, wire.B64Data = "binary", base64.StdEncoding.EncodeToString(r.Data)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(wire); err != nil {
		return nil, fmt.Errorf("encode %s: %w", r.Event, err)
	}
	return b.Bytes(), nil
}
