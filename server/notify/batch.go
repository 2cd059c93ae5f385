package notify

import "slices"

// Here is the mention of all members.
const Here = "@here"

// maxMentions is the limit of the users that a Batch lists.
const maxMentions = 256

// Batch is what a room collects of its messages until the notifier looks at it. The lock of the room guards it. The zero value has no message.
type Batch struct {
	count    int
	author   string   // of all messages; "" if they have several, or if an author has no user
	mentions []string // users, without duplicates
	everyone bool     // a message mentions all members, or maxMentions is exceeded
}

// Add adds a message. author is the user, "" for none. It reports whether it is the first one.
func (b *Batch) Add(author string, mentions []string) (first bool) {
	first = b.count == 0
	if first {
		b.author = author
	} else if b.author != author {
		b.author = ""
	}
	b.count++
	for _, user := range mentions {
		switch {
		case b.everyone:
			return first
		case user == Here || len(b.mentions) >= maxMentions:
			b.mentions, b.everyone = nil, true
		case !slices.Contains(b.mentions, user):
			b.mentions = append(b.mentions, user)
		}
	}
	return first
}

// Take returns the batch and begins a new one.
func (b *Batch) Take() Batch {
	taken := *b
	*b = Batch{}
	return taken
}

// mayConcern reports whether a member may have to be notified: it has not written all messages itself and, with onlyMentions, a message may
// mention it. The notifier checks the mentions of the member before it sends.
func (b *Batch) mayConcern(user string, onlyMentions bool) bool {
	if b.count == 0 || user == b.author {
		return false
	}
	return !onlyMentions || b.everyone || slices.Contains(b.mentions, user)
}
