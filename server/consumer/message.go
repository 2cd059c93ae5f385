package consumer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// Message is a message of a stream: one call of the server API.
type Message struct {
	Place   string          // in its stream, such as "nats/STREAM/7": the same at each delivery
	Method  string          // of the server API
	Payload json.RawMessage // the parameters of the method
	Invalid error           // why it is no call; nil if it is one

	// Held is called before each pause that the message causes: its Source commits what is done, or keeps the message; nil for none.
	Held func()
}

// MaxKey is the length of an idempotency key of the server API, in bytes.
const MaxKey = 128

var errNotObject = errors.New(`want {"method":NAME,"payload":{PARAMETERS}}`)

// Parse returns the message with a body: {"method":NAME,"payload":{PARAMETERS}}. most is the largest body that it reads.
func Parse(place string, body []byte, most int) Message {
	if len(body) > most {
		return Message{Place: place, Invalid: TooLarge(len(body), most)}
	}
	var fields struct {
		Method  string          `json:"method"`
		Payload json.RawMessage `json:"payload"`
	}
	if err := json.Unmarshal(body, &fields); err != nil {
		return Message{Place: place, Invalid: fmt.Errorf("body: %w: %w", errNotObject, err)}
	}
	if fields.Method == "" || len(fields.Payload) == 0 {
		return Message{Place: place, Invalid: fmt.Errorf("body: %w", errNotObject)}
	}
	return Message{Place: place, Method: fields.Method, Payload: fields.Payload}
}

// TooLarge returns the error of a message with n bytes, where most are allowed.
func TooLarge(n, most int) error {
	return fmt.Errorf("message of %d bytes, want %d at most (1 MiB, or twice max-message if that is more)", n, most)
}

// publishes reports whether the method has an idempotency key.
func (m *Message) publishes() bool { return m.Method == "publish" || m.Method == "broadcast" }

// withKey returns the payload, with an idempotency key if the method has one and the payload does not. The other bytes stay as they are.
func (m *Message) withKey() []byte {
	var own struct {
		Key string `json:"idempotency_key"`
	}
	payload := bytes.TrimSpace(m.Payload)
	if !m.publishes() || json.Unmarshal(payload, &own) != nil || own.Key != "" || !bytes.HasPrefix(payload, []byte("{")) {
		return m.Payload
	}
	// Of two fields with one name, the last counts: an empty key of the payload does not.
	fields := bytes.TrimRight(payload[:len(payload)-1], " \t\r\n")
	with := append(make([]byte, 0, len(fields)+MaxKey+len(`,"idempotency_key":""}`)), fields...)
	if len(fields) > 1 {
		with = append(with, ',')
	}
	key, _ := json.Marshal(m.Key()) // a string encodes without error
	with = append(with, `"idempotency_key":`...)
	return append(append(with, key...), '}')
}

// Key returns the idempotency key of a message: its place, and a hash of its payload. So a stream that was deleted and created again does not
// repeat the keys of other messages.
func (m *Message) Key() string {
	sum := sha256.Sum256(m.Payload)
	key := m.Place + "/" + hex.EncodeToString(sum[:8])
	if len(key) > MaxKey {
		whole := sha256.Sum256([]byte(key))
		return hex.EncodeToString(whole[:])
	}
	return key
}
