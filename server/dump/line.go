package dump

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/record"
)

// Line is one line of an export.
type Line struct {
	Kind         string            `json:"kind,omitempty"` // empty for a publication
	Room         string            `json:"room"`
	Offset       uint64            `json:"offset"`
	Epoch        string            `json:"epoch"`
	Generation   uint64            `json:"generation"`
	Time         Time              `json:"time"`
	User         string            `json:"user,omitempty"`
	Client       string            `json:"client,omitempty"`
	ConnInfo     json.RawMessage   `json:"conn_info,omitempty"`
	ChanInfo     json.RawMessage   `json:"chan_info,omitempty"`
	Form         string            `json:"form,omitempty"`
	Data         json.RawMessage   `json:"data,omitempty"`
	Base64       []byte            `json:"b64data,omitempty"`
	Tags         map[string]string `json:"tags,omitempty"`
	Key          string            `json:"key,omitempty"`
	Version      uint64            `json:"version,omitempty"`
	VersionEpoch string            `json:"version_epoch,omitempty"`
	Change       bool              `json:"change,omitempty"`
	Notice       bool              `json:"notice,omitempty"`
}

// Kinds of lines without a publication.
const (
	kindClear = "clear" // the history of the room up to the offset was dropped, and the position stays
	kindValue = "value" // a value of the room, or of users if there is no room: Key and Data
)

// valueLine is a line of a value: a Line with fewer members. A message of a chat room as it stands has the position of the room as well.
type valueLine struct {
	Kind       string          `json:"kind"`
	Room       string          `json:"room"`
	Offset     uint64          `json:"offset,omitempty"`
	Epoch      string          `json:"epoch,omitempty"`
	Generation uint64          `json:"generation,omitempty"`
	Key        string          `json:"key"`
	Time       Time            `json:"time"`
	Data       json.RawMessage `json:"data,omitempty"`
	Base64     []byte          `json:"b64data,omitempty"`
}

// lineOfValue returns the line of a value.
func lineOfValue(e *record.Entry) *valueLine {
	l := &valueLine{Kind: kindValue, Room: e.Room, Key: e.Key, Time: Time(e.UnixMilli)}
	l.Data, l.Base64 = compactJSON(e.Data)
	return l
}

// compactJSON returns data as JSON if it is JSON without spaces, which would change, else as bytes.
func compactJSON(data []byte) (text json.RawMessage, other []byte) {
	var compact bytes.Buffer
	if json.Compact(&compact, data) == nil && bytes.Equal(compact.Bytes(), data) {
		return data, nil
	}
	return nil, data
}

// Time is a time in milliseconds since 1970, as text of RFC 3339 in UTC.
type Time int64

const timeLayout = "2006-01-02T15:04:05.000Z"

// MarshalJSON returns the text, or the number if the year has more than four digits.
func (tm Time) MarshalJSON() ([]byte, error) {
	t := time.UnixMilli(int64(tm)).UTC()
	if t.Year() < 0 || t.Year() > 9999 {
		return json.Marshal(int64(tm))
	}
	return []byte(t.Format(`"` + timeLayout + `"`)), nil
}

// UnmarshalJSON reads any time of RFC 3339, or a number of milliseconds since 1970.
func (tm *Time) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) != nil {
		var milli int64
		if err := json.Unmarshal(b, &milli); err != nil {
			return fmt.Errorf("time: must be RFC 3339, as 2026-11-29T10:00:00.000Z, or milliseconds since 1970: %w", err)
		}
		*tm = Time(milli)
		return nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return fmt.Errorf("time: must be RFC 3339, as 2026-11-29T10:00:00.000Z, or milliseconds since 1970: %w", err)
	}
	*tm = Time(t.UnixMilli())
	return nil
}

// forms are the names of the forms of data.
var forms = [...]string{chat.FormText: "text", chat.FormBytes: "binary", chat.FormJSON: "json"}

// setPublisher sets the publisher of a line from the field info of an entry.
func (l *Line) setPublisher(info []byte) error {
	if len(info) == 0 {
		return nil
	}
	p, err := record.ParsePublisher(info)
	if err != nil {
		return err
	}
	l.User, l.Client = p.User, p.Client
	for _, f := range []struct {
		name string
		from []byte
		to   *json.RawMessage
	}{{"connection info", p.ConnInfo, &l.ConnInfo}, {"channel info", p.ChanInfo, &l.ChanInfo}} {
		if len(f.from) > 0 && !json.Valid(f.from) {
			return fmt.Errorf("%s: is not JSON", f.name)
		}
		*f.to = f.from
	}
	return nil
}

// setData sets the data of a line: text as a JSON string, JSON as it is, and what cannot be written so in base64.
func (l *Line) setData(form uint8, data []byte) error {
	if int(form) >= len(forms) {
		return fmt.Errorf("form %d: must be at most %d", form, len(forms)-1)
	}
	l.Form = forms[form]
	switch {
	case form == uint8(chat.FormJSON) && json.Valid(data):
		l.Data = data
	case form == uint8(chat.FormText) && utf8.Valid(data):
		text, err := json.Marshal(string(data))
		if err != nil {
			return fmt.Errorf("data: %w", err)
		}
		l.Data = text
	default:
		l.Base64 = data
	}
	return nil
}

// entry returns the entry of a line, with the generation of the line.
func (l *Line) entry() (record.Entry, error) {
	e := record.Entry{
		Kind: record.Publish, Room: l.Room, Generation: l.Generation, Offset: l.Offset, UnixMilli: int64(l.Time), Key: l.Key,
		Version: record.PublicationVersion{Number: l.Version, Epoch: l.VersionEpoch}, Tags: l.Tags, Change: l.Change, Notice: l.Notice,
	}
	switch l.Kind {
	case "":
	case kindClear:
		e.Kind = record.Clear
		return e, nil
	case kindValue:
		return l.value()
	default:
		return e, fmt.Errorf("kind %q: must be %s, %s, %s or %s, or absent for a publication", l.Kind, kindClear, kindValue, kindSanction, kindKey)
	}
	if p := (record.Publisher{User: l.User, Client: l.Client, ConnInfo: l.ConnInfo, ChanInfo: l.ChanInfo}); l.User != "" || l.Client != "" || len(l.ConnInfo)+len(l.ChanInfo) > 0 {
		e.Info = p.Append(nil)
	}
	return e, l.readData(&e)
}

// value returns the entry of a line of a value.
func (l *Line) value() (record.Entry, error) {
	e := record.Entry{Kind: record.Value, Room: l.Room, Key: l.Key, UnixMilli: int64(l.Time), Data: l.Base64}
	if len(l.Data) > 0 {
		if len(l.Base64) > 0 {
			return e, fmt.Errorf("data and b64data: only one may be present")
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, l.Data); err != nil {
			return e, fmt.Errorf("data: %w", err)
		}
		e.Data = compact.Bytes()
	}
	_, message := chat.SnapshotOf(&e)
	switch {
	case l.Key == "" || len(l.Key) > chat.MaxValueKey:
		return e, fmt.Errorf("key: has %d bytes, 1 to %d are allowed", len(l.Key), chat.MaxValueKey)
	case len(e.Data) == 0:
		return e, fmt.Errorf("data: must not be empty in a value")
	case message && l.Offset == 0:
		return e, fmt.Errorf("offset: must be 1 or more: the key %q is that of a message, and the offset is the position of its room: export again with this version", l.Key)
	case !message && l.Offset > 0:
		return e, fmt.Errorf("offset: a value has none")
	case message:
		e.Offset, e.Generation = l.Offset, l.Generation
	}
	return e, nil
}

// readData sets the form and the data of an entry.
func (l *Line) readData(e *record.Entry) error {
	switch l.Form {
	case "json", "":
		e.Form, e.Data = uint8(chat.FormJSON), l.Data
	case "text":
		e.Form = uint8(chat.FormText)
		var text string
		if len(l.Data) > 0 {
			if err := json.Unmarshal(l.Data, &text); err != nil {
				return fmt.Errorf("data: must be a string, because form is text: %w", err)
			}
		}
		e.Data = []byte(text)
	case "binary":
		e.Form = uint8(chat.FormBytes)
		if len(l.Data) > 0 {
			return fmt.Errorf("data: must be in b64data, because form is binary")
		}
	default:
		return fmt.Errorf("form %q: must be json, text or binary", l.Form)
	}
	switch {
	case len(l.Base64) == 0:
	case len(l.Data) > 0:
		return fmt.Errorf("data and b64data: only one may be present")
	default:
		e.Data = l.Base64
	}
	if e.Form == uint8(chat.FormJSON) && !json.Valid(e.Data) {
		return fmt.Errorf("data: must be JSON, because form is json")
	}
	return nil
}
