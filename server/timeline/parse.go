package timeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// Parse reads the data of a publisher: a message or a change as in docs/chat.md, or a JSON string, which is a message without an ID. It ignores
// fields that docs/chat.md does not name. The error gives the field, what was found and what is allowed.
func Parse(data []byte, l Limits) (Entry, error) {
	return parse(data, l, false)
}

// Plain reads the text of a plain client: a message without an ID.
func Plain(text []byte, l Limits) (Entry, error) {
	if !utf8.Valid(text) {
		return Entry{}, errUTF8
	}
	return textOnly(string(text), l)
}

// Stored reads the data of a stored publication. Limits do not apply, and the redacted forms are known. ok is false if the data is not an entry:
// the publication has no effect.
func Stored(data []byte) (e Entry, ok bool) {
	e, err := parse(data, Limits{Text: math.MaxInt, Meta: math.MaxInt}, true)
	return e, err == nil
}

// Redacted returns the data of a publication whose content was removed: of a message or an edit. It folds to the same state as the
// publication and the deletion of its message.
func Redacted(e *Entry) []byte {
	if e.Kind == Edit {
		return append(appendField([]byte(`{"type":"edit"`), "of", e.ID), `,"redacted":true}`...)
	}
	b := []byte(`{"deleted":true`)
	for _, f := range [...]struct{ name, value string }{{"id", e.ID}, {"reply_to", e.ReplyTo}, {"thread", e.Thread}} {
		if f.value != "" {
			b = appendField(b, f.name, f.value)
		}
	}
	return append(b, '}')
}

var (
	errUTF8 = errors.New("data: found bytes that are not UTF-8, allowed: UTF-8")
	errJSON = errors.New("data: found bytes that are not JSON, allowed: a JSON object or a JSON string")
	errKind = errors.New(`data: found JSON of another type, allowed: a JSON object or a JSON string`)
)

func parse(data []byte, l Limits, stored bool) (Entry, error) {
	switch {
	case !utf8.Valid(data):
		return Entry{}, errUTF8
	case !json.Valid(data):
		return Entry{}, errJSON
	}
	switch data = trim(data); data[0] {
	case '"':
		text, err := unquote(data[:stringLen(data)])
		if err != nil {
			return Entry{}, fmt.Errorf("data: %w", err)
		}
		return textOnly(text, l)
	case '{':
		return parseObject(data, l, stored)
	}
	return Entry{}, errKind
}

// textOnly returns a message without an ID.
func textOnly(text string, l Limits) (Entry, error) {
	if len(text) == 0 || len(text) > l.Text {
		return Entry{}, fmt.Errorf("text: found %d bytes, allowed: 1 to %d", len(text), l.Text)
	}
	return Entry{Kind: Message, Text: text}, nil
}

func parseObject(data []byte, l Limits, stored bool) (e Entry, err error) {
	f, err := fieldsOf(data)
	if err != nil {
		return Entry{}, err
	}
	r := reader{fields: f}
	if !stored {
		r.forbid(fieldDeleted)
		r.forbid(fieldRedacted)
	}
	kind := r.text(fieldType, 0, math.MaxInt)
	switch kind {
	case "":
		r.message(&e, l)
	case "edit":
		r.edit(&e, l)
	case "delete":
		e.Kind = Delete
	case "reaction":
		e.Kind, e.Emoji, e.On = Reaction, r.text(fieldEmoji, 1, MaxEmoji), r.bool(fieldOn)
	case "pin":
		e.Kind, e.On = Pin, r.bool(fieldOn)
	default:
		r.fail(fieldType, "found %.40q, allowed: edit, delete, reaction, pin, or no type for a message", kind)
	}
	if e.IsChange() {
		e.ID = r.text(fieldOf, 1, MaxID)
	}
	if r.err != nil {
		return Entry{}, r.err
	}
	return e, nil
}

func (r *reader) message(e *Entry, l Limits) {
	e.Kind = Message
	if r.has(fieldDeleted) {
		e.Redacted = r.bool(fieldDeleted)
	}
	if !e.Redacted || r.has(fieldID) {
		e.ID = r.text(fieldID, 1, MaxID)
	}
	if e.ID != "" && e.ID[0] == '#' {
		r.fail(fieldID, `found one that begins with "#", allowed: any other first character`)
	}
	e.ReplyTo = r.optional(fieldReplyTo, MaxID)
	e.Thread = r.optional(fieldThread, MaxID)
	if e.Redacted {
		return
	}
	e.Text = r.text(fieldText, 1, l.Text)
	e.Meta = r.object(fieldMeta, l.Meta)
	r.mentions(e)
}

func (r *reader) edit(e *Entry, l Limits) {
	e.Kind = Edit
	if r.has(fieldRedacted) {
		e.Redacted = r.bool(fieldRedacted)
	}
	if !e.Redacted {
		e.Text = r.text(fieldText, 1, l.Text)
		r.mentions(e)
	}
}

func (r *reader) mentions(e *Entry) {
	e.HasMentions = r.has(fieldMentions)
	n := 0
	r.each(fieldMentions, func(user string) {
		if n++; n > MaxMentions {
			r.fail(fieldMentions, "found more than %d, allowed: %d at most", MaxMentions, MaxMentions)
			return
		}
		if len(user) == 0 || len(user) > MaxMention {
			r.fail(fieldMentions, "found a user ID of %d bytes, allowed: 1 to %d", len(user), MaxMention)
			return
		}
		if !slices.Contains(e.Mentions, user) {
			e.Mentions = append(e.Mentions, user)
		}
	})
}
