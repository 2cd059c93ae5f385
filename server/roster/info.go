package roster

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"unicode/utf8"
)

// Info is what a room is called.
type Info struct {
	Title  string          `json:"title,omitempty"`
	Topic  string          `json:"topic,omitempty"`
	Avatar string          `json:"avatar,omitempty"` // URL of an image
	Meta   json.RawMessage `json:"meta,omitempty"`   // JSON object of the application
}

// Limits of an Info, in bytes.
const (
	MaxTitle  = 256
	MaxTopic  = 1 << 10
	MaxAvatar = 1 << 10
	MaxMeta   = 4 << 10
)

// InfoChange has the fields of an Info to change; nil: the field stays. An empty text, or null as Meta, removes the field.
type InfoChange struct {
	Title  *string         `json:"title"`
	Topic  *string         `json:"topic"`
	Avatar *string         `json:"avatar"`
	Meta   json.RawMessage `json:"meta"`
}

// Apply changes the encoded form of an Info, empty for none, and returns the new one. The error gives the field, the value found and what is
// allowed.
func (ch *InfoChange) Apply(encoded []byte) ([]byte, error) {
	var info Info
	if len(encoded) > 0 {
		if err := json.Unmarshal(encoded, &info); err != nil {
			return nil, fmt.Errorf("the stored description of the room cannot be read: %w", err)
		}
	}
	for _, f := range []struct {
		name string
		from *string
		to   *string
		most int
	}{{"title", ch.Title, &info.Title, MaxTitle}, {"topic", ch.Topic, &info.Topic, MaxTopic}, {"avatar", ch.Avatar, &info.Avatar, MaxAvatar}} {
		if f.from == nil {
			continue
		}
		if len(*f.from) > f.most || !utf8.ValidString(*f.from) {
			return nil, fmt.Errorf("%s: has %d bytes, want at most %d bytes of UTF-8", f.name, len(*f.from), f.most)
		}
		*f.to = *f.from
	}
	if err := checkAvatar(info.Avatar); err != nil {
		return nil, err
	}
	if ch.Meta != nil {
		meta, err := compactObject(ch.Meta)
		if err != nil {
			return nil, err
		}
		info.Meta = meta
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(&info); err != nil {
		return nil, fmt.Errorf("encode the description of the room: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// checkAvatar returns the error of an avatar that is not an HTTP URL or a path: a page would load it.
func checkAvatar(avatar string) error {
	if avatar == "" {
		return nil
	}
	u, err := url.Parse(avatar)
	switch {
	case err != nil:
		return fmt.Errorf("avatar: %q is not a URL", avatar)
	case u.Scheme != "" && u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("avatar: the scheme is %q, want http, https or none", u.Scheme)
	}
	return nil
}

// compactObject returns a JSON object without spaces; nil for null.
func compactObject(meta []byte) ([]byte, error) {
	var b bytes.Buffer
	if err := json.Compact(&b, meta); err != nil {
		return nil, fmt.Errorf("meta: %w", err)
	}
	switch {
	case b.String() == "null":
		return nil, nil
	case b.Bytes()[0] != '{':
		return nil, fmt.Errorf("meta: want a JSON object")
	case b.Len() > MaxMeta:
		return nil, fmt.Errorf("meta: has %d bytes, want at most %d", b.Len(), MaxMeta)
	}
	return b.Bytes(), nil
}
