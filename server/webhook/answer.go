package webhook

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Answer is what the application says to what it was asked: an error, or to disconnect, or else a result, of which each event
// has its part.
type Answer struct {
	Error      *Error
	Disconnect *Disconnect

	User        string            // of connect; empty where it does not say
	Info        []byte            // of connect and subscribe; this and all JSON below is without line breaks, or any bytes if it came in base64
	Data        []byte            // for the client; of publish: what is said instead
	Meta        []byte            // of connect: JSON
	Channels    []string          // of connect: rooms the client is put into, names unchecked
	Subs        map[string]Sub    // of connect: the same, with options
	ExpireAt    time.Time         // of connect and subscribe; zero for never
	SkipHistory bool              // of publish
	Tags        map[string]string // of publish
}

// Sub is a room of Answer.Subs.
type Sub struct{ Info, Data []byte }

// Error is what the client's command is answered with.
type Error struct {
	Code      uint32 `json:"code"` // minErrorCode or more
	Message   string `json:"message"`
	Temporary bool   `json:"temporary"` // the client may try again
}

// Disconnect ends the connection: from 3500 to 3999 and from 4500 to 4999 for good, else the client comes back.
type Disconnect struct {
	Code   uint16 `json:"code"`   // 3000 to 4999
	Reason string `json:"reason"` // 123 bytes at most, and no JSON, which SDKs would take for an instruction
}

// minErrorCode is the first error code of the application. Clients take those below for the protocol's own, and act on some of them.
const minErrorCode = 400

// maxUser is how long a user's name may be, in bytes: as long as in a token, and in a call of the server API.
const maxUser = 4 << 10

// The end of the year 9999, in seconds since 1970. A time beyond it is one in milliseconds.
const maxInstant = 253402300799

const maxReason = 123 // bytes: RFC 6455, 5.5 allows 125 with the code

// ParseAnswer reads an answer. What it does not know it passes over; what it knows must be right. It takes time and memory by
// the length of the text.
func ParseAnswer(text []byte) (*Answer, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("the answer is not UTF-8")
	}
	var wire struct {
		Result     *object[result] `json:"result"`
		Error      *Error          `json:"error"`
		Disconnect *Disconnect     `json:"disconnect"`
	}
	if err := json.Unmarshal(text, &wire); err != nil {
		return nil, plainJSON(err)
	}
	said := 0
	for _, is := range []bool{wire.Result != nil, wire.Error != nil, wire.Disconnect != nil} {
		if is {
			said++
		}
	}
	switch {
	case said != 1:
		return nil, errors.New(`the answer must have one of "result", "error" and "disconnect"`)
	case wire.Error != nil && wire.Error.Code < minErrorCode:
		return nil, fmt.Errorf("error.code = %d: want %d or more, since those below are the protocol's own", wire.Error.Code, minErrorCode)
	case wire.Disconnect != nil && (wire.Disconnect.Code < 3000 || wire.Disconnect.Code > 4999):
		return nil, errors.New("disconnect.code: want 3000 to 4999")
	case wire.Disconnect != nil && len(wire.Disconnect.Reason) > maxReason:
		return nil, fmt.Errorf("disconnect.reason: want %d bytes at most", maxReason)
	case wire.Disconnect != nil && json.Valid([]byte(wire.Disconnect.Reason)):
		return nil, errors.New("disconnect.reason: want a text that is no JSON: SDKs take JSON for an instruction")
	case wire.Result != nil:
		return wire.Result.is.answer()
	}
	return &Answer{Error: wire.Error, Disconnect: wire.Disconnect}, nil
}

// object is a value that is an object on the wire. PHP writes one that is empty, and that it holds as an array, as [].
type object[T any] struct{ is T }

// UnmarshalJSON reads it.
func (o *object[T]) UnmarshalJSON(raw []byte) error {
	inner, opens := bytes.CutPrefix(raw, []byte("["))
	if opens && string(bytes.TrimSpace(inner)) == "]" {
		return nil
	}
	return json.Unmarshal(raw, &o.is)
}

// plainJSON tells what is wrong with an answer in terms of JSON, and not of our types.
func plainJSON(err error) error {
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		at := wrong.Field[strings.LastIndexByte(wrong.Field, '.')+1:]
		if at == "" {
			at = "the answer, or an object in it"
		}
		return fmt.Errorf("%s: a JSON %s is not what is wanted there", at, wrong.Value)
	}
	return fmt.Errorf("the answer is no JSON: %w", err)
}

// result is a result on the wire.
type result struct {
	value
	User        string                           `json:"user"`
	Meta        json.RawMessage                  `json:"meta"`
	Channels    []string                         `json:"channels"`
	Subs        object[map[string]object[value]] `json:"subs"`
	ExpireAt    int64                            `json:"expire_at"`
	SkipHistory bool                             `json:"skip_history"`
	Tags        object[map[string]string]        `json:"tags"`
}

// value is what a result, or a room of it, says of somebody, and to them.
type value struct {
	Info    json.RawMessage `json:"info"`
	B64Info string          `json:"b64info"`
	Data    json.RawMessage `json:"data"`
	B64Data string          `json:"b64data"`
}

func (re *result) answer() (*Answer, error) {
	if re.ExpireAt < 0 || re.ExpireAt > maxInstant {
		return nil, errors.New("result.expire_at: want seconds since 1970")
	}
	if len(re.User) > maxUser {
		return nil, fmt.Errorf("result.user: %d bytes, want %d at most", len(re.User), maxUser)
	}
	a := &Answer{User: re.User, Channels: re.Channels, SkipHistory: re.SkipHistory, Tags: re.Tags.is}
	if re.ExpireAt != 0 {
		a.ExpireAt = time.Unix(re.ExpireAt, 0)
	}
	own, err := re.sub()
	if err != nil {
		return nil, err
	}
	a.Info, a.Data = own.Info, own.Data
	if a.Meta, err = oneOf("meta", re.Meta, ""); err != nil {
		return nil, err
	}
	for name, v := range re.Subs.is {
		sub, err := v.is.sub()
		if err != nil {
			return nil, fmt.Errorf("subs: %w", err)
		}
		if a.Subs == nil {
			a.Subs = map[string]Sub{}
		}
		a.Subs[name] = sub
	}
	return a, nil
}

func (v *value) sub() (Sub, error) {
	info, err := oneOf("info", v.Info, v.B64Info)
	if err != nil {
		return Sub{}, err
	}
	data, err := oneOf("data", v.Data, v.B64Data)
	return Sub{info, data}, err
}

// oneOf is the bytes in base64 where there are any, else the JSON.
func oneOf(name string, raw json.RawMessage, encoded string) ([]byte, error) {
	if encoded != "" {
		b, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return nil, fmt.Errorf("b64%s: want base64", name)
		}
		return b, nil
	}
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return b.Bytes(), nil
}
