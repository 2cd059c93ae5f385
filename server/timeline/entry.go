package timeline

// Kind is the kind of an entry.
type Kind uint8

const (
	Message  Kind = iota // a new message
	Edit                 // a new text of a message
	Delete               // the end of a message's content
	Reaction             // an emoji of a user, set or removed
	Pin                  // a message is pinned or not
)

// Limits of an entry.
const (
	MaxID       = 64  // bytes of an ID, and of a reference
	MaxEmoji    = 64  // bytes of an emoji
	MaxMentions = 50  // mentions of a message
	MaxMention  = 255 // bytes of a mention
)

// Here is the mention of all members.
const Here = "@here"

// Limits are those of a room's options.
type Limits struct {
	Text int // bytes of a text, in UTF-8
	Meta int // bytes of the JSON object meta
}

// Entry is what the data of a publication says. It keeps no reference to the data.
type Entry struct {
	Kind    Kind
	ID      string // of the message: its own, empty for none; or of the message that is changed
	Text    string // of a message or an edit
	ReplyTo string // ID of the message that this one answers
	Thread  string // ID of the message that begins the thread
	Emoji   string
	On      bool // of a reaction or a pin

	Mentions    []string // user IDs and Here, each once
	HasMentions bool     // an edit without the field keeps the mentions
	Meta        []byte   // a JSON object, nil for none

	Redacted bool // the content was removed from the stored publication: a deleted message, or an edit without effect
}

// IsChange reports whether the entry changes a message.
func (e *Entry) IsChange() bool { return e.Kind != Message }

// Author is the publisher of an entry, with its rights in the room.
type Author struct {
	User        string // empty: no user
	Client      string // connection ID; the author if there is no user. Empty: a plain client or the application
	Moderator   bool
	Application bool // the server API: it may do everything
	MayHere     bool // may mention Here; moderators and the application always may
}

// Published is the context of a publication that has its offset.
type Published struct {
	Offset    uint64
	UnixMilli int64
	User      string
	Client    string // used if User is empty
	Info      []byte // connection info of the author as JSON, nil for none; it must not change any more
}
