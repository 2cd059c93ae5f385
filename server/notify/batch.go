package notify

import "slices"

// Here is the mention of all members.
const Here = "@here"

// maxMentions is the limit of the users that a Batch lists.
const maxMentions = 256

// Batch is what a room collects of its messages until the notifier looks at it. The lock of the room guards it. The zero value has no message.
type Batch struct {
	count    int      // messages
	author   string   // of all messages; "" if they have several, or if an author has no user
	mentions []string // users that others mention, without duplicates
	here     bool     // a message mentions Here
	everyone bool     // maxMentions is exceeded
}

// Add adds a message. author is the user, "" for none. It reports whether the batch was empty.
func (b *Batch) Add(author string, mentions []string) (first bool) {
	first = b.isEmpty()
	if b.count == 0 {
		b.author = author
	} else if b.author != author {
		b.author = ""
	}
	b.count++
	b.mention(author, mentions)
	return first
}

// AddMentions adds the users that an edit mentions, and its message did not. It reports whether the batch was empty.
func (b *Batch) AddMentions(author string, mentions []string) (first bool) {
	first = b.isEmpty()
	b.mention(author, mentions)
	return first && !b.isEmpty()
}

func (b *Batch) isEmpty() bool {
	return b.count == 0 && !b.here && !b.everyone && len(b.mentions) == 0
}

func (b *Batch) mention(author string, mentions []string) {
	for _, user := range mentions {
		switch {
		case user == Here:
			b.here = true
		case user == author, b.everyone, slices.Contains(b.mentions, user):
		case len(b.mentions) >= maxMentions:
			b.mentions, b.everyone = nil, true
		default:
			b.mentions = append(b.mentions, user)
		}
	}
}

// Take returns the batch and begins a new one.
func (b *Batch) Take() Batch {
	taken := *b
	*b = Batch{}
	return taken
}

// mentioned reports whether others may mention a member by its name.
func (b *Batch) mentioned(user string) bool { return b.everyone || slices.Contains(b.mentions, user) }

// mayConcern reports whether a member may have to be notified: it is mentioned, or it has not written all messages itself and, with onlyMentions,
// a message mentions Here. That concerns members that are connected. The notifier checks the mentions of the member before it sends.
func (b *Batch) mayConcern(user string, onlyMentions bool) bool {
	return b.mentioned(user) || user != b.author && (b.here || b.count > 0 && !onlyMentions)
}

// concernsConnected reports whether a member that mayConcern names need not be notified unless it is connected.
func (b *Batch) concernsConnected(user string, onlyMentions bool) bool {
	return !b.mentioned(user) && (onlyMentions || b.count == 0)
}
