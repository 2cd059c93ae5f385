package notify

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"unicode/utf8"

	"github.com/throng-chat/throng/server/webpush"
)

// Sizes of notifications.
const (
	MaxText    = 1024               // bytes of the last message of a room; the rest is cut off
	MaxPayload = webpush.MaxPayload // bytes of a notification as a message of Web Push
	maxInfo    = 512                // bytes of the info of an author; a longer one is left out
	pushRooms  = 8                  // in a message of Web Push
	pushText   = 256                // bytes
)

// Message is the last message of a room, as the timeline has it.
type Message struct {
	ID     string          `json:"id"`
	Offset uint64          `json:"offset"`
	User   string          `json:"user,omitempty"`
	Info   json.RawMessage `json:"info,omitempty"` // conn_info of the author
	Time   int64           `json:"time"`           // Unix milliseconds
	Text   string          `json:"text"`
}

// Unread is what a user has not read in a room.
type Unread struct {
	Unread   int      `json:"unread"`
	Mentions int      `json:"mentions"`
	Upto     uint64   `json:"upto"` // offset of the read marker
	Last     *Message `json:"last,omitempty"`
}

// RoomUnread is an Unread with its room.
type RoomUnread struct {
	Room string
	Unread
}

// Notification is all that a user is notified of at a time.
type Notification struct {
	User  string
	Rooms []RoomUnread // those with mentions first, then by the time of the last message, the newest first
	More  int          // rooms that exceed the limit of one notification
	To    []webpush.Subscription
}

// Urgent reports whether the user is mentioned.
func (note *Notification) Urgent() bool { return len(note.Rooms) > 0 && note.Rooms[0].Mentions > 0 }

// sort puts the rooms into their order.
func (note *Notification) sort() {
	at := func(r *RoomUnread) int64 {
		if r.Last == nil {
			return 0
		}
		return r.Last.Time
	}
	slices.SortStableFunc(note.Rooms, func(a, b RoomUnread) int {
		if a.Mentions > 0 != (b.Mentions > 0) {
			return cmp.Compare(b.Mentions, a.Mentions)
		}
		return cmp.Compare(at(&b), at(&a))
	})
}

// JSON returns the notification as {"channels": {ROOM: {"unread", "mentions", "upto", "last"}}, "more"}. Texts have at most MaxText bytes.
func (note *Notification) JSON() ([]byte, error) { return note.encode(len(note.Rooms), MaxText) }

// Payload returns the same for Web Push, in at most MaxPayload bytes: the first rooms with shorter texts. "more" counts the others.
func (note *Notification) Payload() ([]byte, error) {
	rooms, text := min(len(note.Rooms), pushRooms), pushText
	for {
		b, err := note.encode(rooms, text)
		if err != nil || len(b) <= MaxPayload {
			return b, err
		}
		switch {
		case rooms > 1:
			rooms--
		case text > 0:
			text /= 4
		default:
			rooms = 0 // the name of one room is too long
		}
	}
}

// encode returns the JSON with the first rooms, and at most so many bytes of each text. The info of an author is left out if it is long, or if
// the place is scarce.
func (note *Notification) encode(rooms, text int) ([]byte, error) {
	wire := struct {
		Channels map[string]Unread `json:"channels"`
		More     int               `json:"more,omitempty"`
	}{make(map[string]Unread, rooms), note.More + len(note.Rooms) - rooms}
	for _, r := range note.Rooms[:rooms] {
		u := r.Unread
		if u.Last != nil {
			last := *u.Last
			last.Text = cut(last.Text, text)
			if text < pushText || len(last.Info) > maxInfo {
				last.Info = nil
			}
			u.Last = &last
		}
		wire.Channels[r.Room] = u
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(wire); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// cut returns the first bytes of a text, at most so many and without a part of a character. A text that is cut ends with an ellipsis.
func cut(text string, most int) string {
	const ellipsis = "…"
	if len(text) <= most {
		return text
	}
	end := max(0, most-len(ellipsis))
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + ellipsis
}
