package chat

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/throng-chat/throng/server/fold"
	"github.com/throng-chat/throng/server/timeline"
)

// The rules of a chat room for the text of messages and edits: word-list, links-after and repeat-limit. The application is exempt from all,
// moderators from the last two.

var rejectWord = &Rejection{CauseDenied, "text: has a word that this room does not allow"}

// applyWords applies the list of words to a publication and what it says, before the lock is taken. It returns a rejection, or changes the text
// of both, which masked reports.
func (h *Hub) applyWords(o *Options, pub *Publication, e *timeline.Entry) (masked bool, rejected *Rejection) {
	switch {
	case o.Words == nil || e.Text == "" || !o.Words.Has(e.Text):
		return false, nil
	case o.WordAction == RejectWords:
		h.Metrics.TextRules.Words.Inc()
		return false, rejectWord
	}
	h.Metrics.TextRules.Masked.Inc()
	e.Text = o.Words.Mask(e.Text)
	pub.Data = withText(pub, e.Text)
	return true, nil
}

// withText returns the data of a publication with another text.
func withText(pub *Publication, text string) []byte {
	if pub.Form == FormText {
		return Compact([]byte(text))
	}
	var with bytes.Buffer
	to := json.NewEncoder(&with)
	to.SetEscapeHTML(false) // it would make the data longer
	var fields map[string]json.RawMessage
	err := json.Unmarshal(pub.Data, &fields)
	if err != nil { // a JSON string
		err = to.Encode(text)
	} else {
		if err = to.Encode(text); err == nil {
			fields["text"] = bytes.Clone(bytes.TrimSpace(with.Bytes()))
			with.Reset()
			err = to.Encode(fields)
		}
	}
	if err != nil {
		panic(fmt.Sprintf("chat: data that was read does not encode: %v", err))
	}
	return Compact(bytes.TrimSpace(with.Bytes()))
}

// sameText returns the form of a text that is compared for repeat-limit: without case, diacritics, invisible characters and white space. A text of
// nothing else is compared as it is.
func sameText(text string) string {
	form := bytes.Join(bytes.Fields(fold.Append(nil, text)), nil)
	if len(form) == 0 {
		return text
	}
	return string(form)
}

// rejectText returns why the text of an accepted message or edit is rejected, nil if it is not. It counts the message. by is the author with its
// rights in the room; same is its sameText, empty for a text that does not count. The room's lock is held.
func (r *Room) rejectText(e *timeline.Entry, hasLink bool, same string, by *timeline.Author) *Rejection {
	o, h := r.Options(), r.Stripe.Hub
	if by.Application || by.Moderator || e.Text == "" {
		return nil
	}
	if hasLink && r.talk.timeline.Written(by.User) < o.LinksAfter {
		h.Metrics.TextRules.Links.Inc()
		return &Rejection{CauseDenied, fmt.Sprintf("text: has a link, which needs %d earlier messages in this room", o.LinksAfter)}
	}
	if o.RepeatLimit == 0 || same == "" { // a reload has just added the option
		return nil
	}
	m := repeated{r.Name, by.User, by.Client, same}
	if by.User != "" {
		m.client = "" // all connections of a user count together
	}
	if !h.repeats.allow(m, o.RepeatLimit, o.RepeatWindow, h.Clock.Now()) {
		h.Metrics.TextRules.Repeats.Inc()
		return &Rejection{CauseDenied, fmt.Sprintf("text: the same message %d times in %v is the most that this room allows", o.RepeatLimit, o.RepeatWindow)}
	}
	return nil
}
