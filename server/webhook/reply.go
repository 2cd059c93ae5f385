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

// Reply is the reply of the application to a proxy request: Error, Disconnect, or a result. The comment of a field of the result names its
// events.
type Reply struct {
	Error      *Error
	Disconnect *Disconnect

	User        string            // connect; empty: the user of the token
	Info        []byte            // connect, subscribe. Like all JSON here it has no line breaks. Any bytes if sent in base64
	Data        []byte            // for the client; publish: the data to publish instead
	Meta        []byte            // connect: JSON
	Channels    []string          // connect: rooms that the server subscribes the client to; names are unchecked
	Subs        map[string]Sub    // connect: the same, with options
	ExpireAt    time.Time         // connect, subscribe; zero for never
	SkipHistory bool              // publish
	Tags        map[string]string // publish
}

// Sub has the options of one room of Reply.Subs.
type Sub struct{ Info, Data []byte }

// Error is the error reply to the command of the client.
type Error struct {
	Code      uint32 `json:"code"` // minErrorCode or more
	Message   string `json:"message"`
	Temporary bool   `json:"temporary"` // the client may try again
}

// Disconnect ends the connection. An SDK does not reconnect after the codes 3500 to 3999 and 4500 to 4999.
type Disconnect struct {
	Code   uint16 `json:"code"`   // 3000 to 4999
	Reason string `json:"reason"` // 123 bytes at most; not JSON, because SDKs interpret JSON there
}

// minErrorCode is the first error code that the application may use. SDKs interpret the codes below it.
const minErrorCode = 400

// maxUser is the size of a user name in bytes, as in a token and in the server API.
const maxUser = 4 << 10

// maxInstant is the end of the year 9999, in seconds since 1970. A later time is one in milliseconds.
const maxInstant = 253402300799

const maxReason = 123 // bytes: RFC 6455, 5.5 allows 125 with the code

// parseReply decodes and checks a reply. It ignores unknown fields. Time and memory are linear in the length of text.
func parseReply(text []byte) (*Reply, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("reply: not UTF-8")
	}
	var wire struct {
		Result     *object[result] `json:"result"`
		Error      *Error          `json:"error"`
		Disconnect *Disconnect     `json:"disconnect"`
	}
	if err := json.Unmarshal(text, &wire); err != nil {
		return nil, plainJSON(err)
	}
	parts := 0
	for _, is := range []bool{wire.Result != nil, wire.Error != nil, wire.Disconnect != nil} {
		if is {
			parts++
		}
	}
	switch {
	case parts != 1:
		return nil, errors.New(`reply: want exactly one of "result", "error" and "disconnect"`)
	case wire.Result != nil:
		return wire.Result.is.reply()
	}
	reply := &Reply{Error: wire.Error, Disconnect: wire.Disconnect}
	if err := reply.checkRejection(); err != nil {
		return nil, err
	}
	return reply, nil
}

// checkRejection checks Error and Disconnect.
func (rp *Reply) checkRejection() error {
	switch e, d := rp.Error, rp.Disconnect; {
	case e != nil && e.Code < minErrorCode:
		return fmt.Errorf("error.code = %d: want %d or more: the protocol reserves the codes below", e.Code, minErrorCode)
	case d != nil && (d.Code < 3000 || d.Code > 4999):
		return errors.New("disconnect.code: want 3000 to 4999")
	case d != nil && len(d.Reason) > maxReason:
		return fmt.Errorf("disconnect.reason: want %d bytes at most", maxReason)
	case d != nil && json.Valid([]byte(d.Reason)):
		return errors.New("disconnect.reason: want text that is not JSON, because SDKs interpret JSON there")
	}
	return nil
}

// object decodes a JSON object, and an empty array as an empty object: PHP encodes an empty array of either kind as [].
type object[T any] struct{ is T }

// UnmarshalJSON implements json.Unmarshaler.
func (o *object[T]) UnmarshalJSON(raw []byte) error {
	inner, opens := bytes.CutPrefix(raw, []byte("["))
	if opens && string(bytes.TrimSpace(inner)) == "]" {
		return nil
	}
	return json.Unmarshal(raw, &o.is)
}

// plainJSON returns an error of encoding/json without the names of Go types.
func plainJSON(err error) error {
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		at := wrong.Field[strings.LastIndexByte(wrong.Field, '.')+1:]
		if at == "" {
			at = "reply, or an object in it"
		}
		return fmt.Errorf("%s: a JSON %s is the wrong type", at, wrong.Value)
	}
	return fmt.Errorf("reply: not JSON: %w", err)
}

// result is the JSON form of a result.
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

// value has the information and data of a result, or of one room in it.
type value struct {
	Info    json.RawMessage `json:"info"`
	B64Info string          `json:"b64info"`
	Data    json.RawMessage `json:"data"`
	B64Data string          `json:"b64data"`
}

func (re *result) reply() (*Reply, error) {
	if re.ExpireAt < 0 || re.ExpireAt > maxInstant {
		return nil, errors.New("result.expire_at: want seconds since 1970")
	}
	if len(re.User) > maxUser {
		return nil, fmt.Errorf("result.user: %d bytes, want %d at most", len(re.User), maxUser)
	}
	a := &Reply{User: re.User, Channels: re.Channels, SkipHistory: re.SkipHistory, Tags: re.Tags.is}
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

// oneOf returns the decoded base64, or if that is empty the JSON, compact; nil for none.
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
