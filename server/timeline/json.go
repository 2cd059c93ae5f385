package timeline

import (
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends a page as the reply of the method timeline.
func (p *Page) AppendJSON(b []byte) []byte {
	b = append(b, `{"messages":[`...)
	for i := range p.Messages {
		if i > 0 {
			b = append(b, ',')
		}
		b = p.Messages[i].AppendJSON(b)
	}
	b = strconv.AppendBool(append(b, `],"more":`...), p.More)
	if p.Around {
		b = strconv.AppendBool(append(b, `,"more_new":`...), p.MoreNew)
	}
	b = strconv.AppendUint(append(b, `,"offset":`...), p.Position, 10)
	if p.Epoch != "" {
		b = appendField(b, "epoch", p.Epoch)
	}
	return append(b, '}')
}

// AppendJSON appends one message as in the reply of the method timeline.
func (v *View) AppendJSON(b []byte) []byte {
	b = appendString(append(b, `{"id":`...), v.ID)
	b = strconv.AppendUint(append(b, `,"offset":`...), v.Offset, 10)
	b = appendField(b, "user", v.User)
	if v.User == "" && v.Client != "" {
		b = appendField(b, "client", v.Client)
	}
	if b = append(b, `,"info":`...); v.Info != nil {
		b = append(b, v.Info...)
	} else {
		b = append(b, "null"...)
	}
	b = strconv.AppendInt(append(b, `,"time":`...), v.UnixMilli, 10)
	b = appendField(b, "text", v.Text)
	if v.Edited != 0 {
		b = strconv.AppendInt(append(b, `,"edited":`...), v.Edited, 10)
	}
	if v.Deleted {
		b = append(b, `,"deleted":true`...)
	}
	b = v.appendReactions(b)
	if v.ReplyTo != "" {
		b = appendField(b, "reply_to", v.ReplyTo)
	}
	if v.Thread != "" {
		b = appendField(b, "thread", v.Thread)
	}
	if v.Replies > 0 {
		b = strconv.AppendInt(append(b, `,"replies":`...), int64(v.Replies), 10)
		b = strconv.AppendUint(append(b, `,"last_reply":`...), v.LastReply, 10)
	}
	if v.Pinned {
		b = append(b, `,"pinned":true`...)
	}
	b = v.appendMentions(b)
	if v.Meta != nil {
		b = append(append(b, `,"meta":`...), v.Meta...)
	}
	return append(b, '}')
}

func (v *View) appendReactions(b []byte) []byte {
	b = append(b, `,"reactions":[`...)
	for i := range v.Reactions {
		if i > 0 {
			b = append(b, ',')
		}
		o := &v.Reactions[i]
		b = appendString(append(b, `{"emoji":`...), o.Emoji)
		b = strconv.AppendInt(append(b, `,"count":`...), int64(o.Count), 10)
		b = strconv.AppendBool(append(b, `,"mine":`...), o.Mine)
		b = append(b, '}')
	}
	return append(b, ']')
}

func (v *View) appendMentions(b []byte) []byte {
	if len(v.Mentions) == 0 {
		return b
	}
	b = append(b, `,"mentions":[`...)
	for i, user := range v.Mentions {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, user)
	}
	return append(b, ']')
}

// appendField appends a comma, a name and a string.
func appendField(b []byte, name, value string) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	return appendString(b, value)
}

// appendString appends a JSON string. Bytes that are not UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(s[i:])
			if i += size; r != utf8.RuneError || size != 1 {
				continue
			}
			b = append(append(b, s[done:i-1]...), `\ufffd`...)
		case c >= ' ' && c != '"' && c != '\\':
			i++
			continue
		default:
			b = append(b, s[done:i]...)
			if i++; c < ' ' {
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			} else {
				b = append(b, '\\', c)
			}
		}
		done = i
	}
	return append(append(b, s[done:]...), '"')
}
