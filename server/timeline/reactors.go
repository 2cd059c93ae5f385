package timeline

// Bounds of the users that Reactors returns.
const (
	maxReactors     = 50       // of an emoji
	maxReactorBytes = 12 << 10 // of all user IDs of a message
)

// Reactors are the users who reacted to a message with one emoji.
type Reactors struct {
	Emoji string   `json:"emoji"`
	Count int      `json:"count"`
	Users []string `json:"users"` // some of them if there are many, in no order
}

// Reactors returns the users of each emoji of the message with a name, in the order of the first reactions; ok is false if there is no such
// message. All emojis together share the bound of bytes equally, so that one emoji does not hide the users of another.
func (t *Timeline) Reactors(name string) (all []Reactors, ok bool) {
	m := t.find(name)
	if m == nil {
		return nil, false
	}
	emojis := m.reactions()
	all = make([]Reactors, 0, len(emojis))
	for i := range emojis {
		o := &emojis[i]
		left := maxReactorBytes / len(emojis)
		users := make([]string, 0, min(len(o.users), maxReactors))
		for _, number := range o.users[:min(len(o.users), maxReactors)] {
			user := t.people.of(number).user
			if left -= len(user); left < 0 {
				break
			}
			users = append(users, user)
		}
		all = append(all, Reactors{o.text, len(o.users), users})
	}
	return all, true
}
