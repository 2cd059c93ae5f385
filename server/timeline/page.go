package timeline

// Limits of a page.
const (
	DefaultPage = 50
	MaxPage     = 100
)

// Direction is where a page is.
type Direction uint8

const (
	Newest Direction = iota // the newest messages
	Before                  // those before Query.At, the newest of them
	After                   // those after Query.At, the oldest of them
	Around                  // the message at Query.At, or the next newer one, and its neighbours
)

// Query selects a page.
type Query struct {
	Direction Direction
	At        uint64 // an offset; no message needs to have it
	Limit     int    // messages, 1 to MaxPage; 0: DefaultPage
	MaxBytes  int    // estimate of the reply, which has one message at least; 0: no limit
	Thread    string // only the message with this name and the replies to it; empty: all
	Pinned    bool   // only pinned messages. Not together with Thread
	Viewer    string // user ID, empty for none
	Epoch     string // of the room; becomes Page.Epoch
}

// Page is a part of the timeline: messages in ascending order of their offsets. It is a copy, which any goroutine may encode.
type Page struct {
	Messages []View
	More     bool   // there are more messages in the direction of the page; of Newest and Around: older ones
	MoreNew  bool   // of Around: there are newer messages
	Around   bool   // MoreNew has a meaning
	Position uint64 // offset up to which all publications are in the messages
	Epoch    string
}

// Page returns a page. Paging on with the offset of its first or last message neither skips nor doubles a message while others publish.
func (t *Timeline) Page(q Query) Page {
	if q.Limit <= 0 {
		q.Limit = DefaultPage
	}
	q.Limit = min(q.Limit, MaxPage)
	s := t.sequence(&q)
	from, to := s.window(&q)
	p := Page{Around: q.Direction == Around, Position: t.position, Epoch: q.Epoch}
	p.More, p.MoreNew = from > 0, to < s.len()
	if q.Direction == After {
		p.More = p.MoreNew
	}
	p.Messages = make([]View, 0, to-from)
	u := viewer{who: t.people.find(q.Viewer)}
	for i := from; i < to; i++ {
		p.Messages = append(p.Messages, u.view(s.at(i)))
	}
	return p
}

// sequence is a filtered timeline.
type sequence struct {
	first *message // before the rest; nil for none
	rest  *messages
}

func (t *Timeline) sequence(q *Query) sequence {
	switch {
	case q.Pinned:
		return sequence{rest: &t.pins}
	case q.Thread == "":
		return sequence{rest: &t.order}
	}
	if th := t.threads[q.Thread]; th != nil {
		return sequence{th.root, &th.replies}
	}
	return sequence{t.find(q.Thread), &messages{}}
}

func (s *sequence) len() int {
	if s.first != nil {
		return s.rest.len() + 1
	}
	return s.rest.len()
}

func (s *sequence) at(i int) *message {
	if s.first == nil {
		return s.rest.at(i)
	}
	if i == 0 {
		return s.first
	}
	return s.rest.at(i - 1)
}

// from returns the index of the first message with an offset of at least x.
func (s *sequence) from(x uint64) int {
	switch {
	case s.first == nil:
		return s.rest.from(x)
	case s.first.offset >= x:
		return 0
	}
	return s.rest.from(x) + 1
}

// window returns the indexes of the first message of a page and of the one after its last.
func (s *sequence) window(q *Query) (from, to int) {
	n := s.len()
	if n == 0 {
		return 0, 0
	}
	switch q.Direction {
	case Before:
		from = s.from(q.At)
		to = from
	case After:
		if q.At == 1<<64-1 {
			return n, n
		}
		from = s.from(q.At + 1)
		to = from
	case Around:
		from = min(s.from(q.At), n-1)
		to = from
	default:
		from, to = n, n
	}
	return s.grow(q, from, to)
}

// grow extends an empty window in the direction of a page, to its limits. Around extends to both sides in turn, the first message included.
func (s *sequence) grow(q *Query, from, to int) (int, int) {
	bytes := 0
	down, up := q.Direction != After, q.Direction == After || q.Direction == Around
	older := !up // the next message is an older one
	for to-from < q.Limit && (down && from > 0 || up && to < s.len()) {
		if older && !(down && from > 0) || !older && !(up && to < s.len()) {
			older = !older
		}
		at := to
		if older {
			at = from - 1
		}
		if bytes += s.at(at).size(); q.MaxBytes > 0 && bytes > q.MaxBytes && to > from {
			break
		}
		if older {
			from--
		} else {
			to++
		}
		if down && up {
			older = !older
		}
	}
	return from, to
}
