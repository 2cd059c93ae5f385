package chat

import (
	"sync/atomic"

	"github.com/throng-chat/throng/server/wheel"
)

// History is what a room remembers: its newest publications, bounded in number and age by the room's options, and the
// position up to which it was told. Guarded by Stripe.Mu of the room, but for first.
type History struct {
	Ring  []Publication
	head  int // of the oldest
	Count int
	Of    [3]int // of count, how many are messages, notices, changes
	Top   uint64 // the offset of the newest publication ever; offsets count from 1
	Epoch string // offsets of two epochs do not compare. Empty where the room has no history
	Bytes int

	first atomic.Uint64 // the offset of the oldest, 0 for none
}

// What memory costs beyond the data of publications, about.
const (
	Remembered     = 160     // a publication
	RememberedRoom = 1 << 10 // a room that remembers any
)

func (hist *History) Position() Position { return Position{hist.Top, hist.Epoch} }

// NoticesPerMessage is how many notices a history keeps beside each of its messages. A message has one notice at most, and only
// those of twice as many messages can stand behind a message that is kept: so no notice takes the place of a message that was
// not redacted itself.
const NoticesPerMessage = 2

// ChangesPerMessage is how many changes of messages (edits, deletions, reactions) a history keeps beside each of its messages.
// Only where there are more does a change take the place of the oldest publication.
const ChangesPerMessage = 4

// Add gives p its offset and remembers it. A message takes the place of the oldest message if there are most already; notices
// and changes have places of their own. It returns by how many bytes the history grew.
func (hist *History) Add(p *Publication, most int) (grown int) {
	hist.Top++
	p.Offset = hist.Top
	of, places := hist.kind(p, most)
	for *of >= places {
		grown -= hist.dropOldest()
	}
	*of++
	if hist.Count == len(hist.Ring) {
		size := max(2*len(hist.Ring), 4)
		if most > len(hist.Ring) {
			size = min(size, most) // there may never be a notice or a change
		}
		bigger := make([]Publication, min(size, (1+NoticesPerMessage+ChangesPerMessage)*most))
		for i := range hist.Count {
			bigger[i] = *hist.At(i)
		}
		hist.Ring, hist.head = bigger, 0
	}
	*hist.At(hist.Count) = *p
	hist.Count++
	hist.first.Store(hist.Top - uint64(hist.Count) + 1)
	size := p.Cost() + Remembered
	if hist.Count == 1 {
		size += RememberedRoom
	}
	hist.Bytes += size
	return grown + size
}

// kind is the counter of publications like p, and how many of them there may be in a history of most messages.
func (hist *History) kind(p *Publication, most int) (of *int, places int) {
	switch {
	case p.change:
		return &hist.Of[2], ChangesPerMessage * most
	case p.Notice:
		return &hist.Of[1], NoticesPerMessage * most
	}
	return &hist.Of[0], most
}

// At is the i-th publication from the oldest.
func (hist *History) At(i int) *Publication { return &hist.Ring[(hist.head+i)%len(hist.Ring)] }

// Find is the publication with that offset, nil where it is not remembered.
func (hist *History) Find(offset uint64) *Publication {
	first := hist.Top - uint64(hist.Count) + 1
	if offset < first || offset > hist.Top {
		return nil
	}
	return hist.At(int(offset - first))
}

// Redacted is what a redacted publication says.
var Redacted = []byte(`{"redacted":true}`)

// Redact forgets what a publication says, but not that there is one, nor whose it is. It returns by how many bytes the
// history grew.
func (hist *History) Redact(p *Publication) (grown int) {
	grown = -p.Cost()
	p.Data, p.Form, p.Tags = Redacted, FormJSON, nil
	grown += p.Cost()
	hist.Bytes += grown
	return grown
}

// dropOldest forgets one publication and returns its size.
func (hist *History) dropOldest() int {
	oldest := hist.At(0)
	size := oldest.Cost() + Remembered
	of, _ := hist.kind(oldest, 0)
	*of--
	*oldest = Publication{}
	hist.head = (hist.head + 1) % len(hist.Ring)
	hist.Count--
	if hist.Count == 0 {
		hist.Ring, hist.head = nil, 0
		size += RememberedRoom
		hist.first.Store(0)
	} else {
		hist.first.Store(hist.Top - uint64(hist.Count) + 1)
	}
	hist.Bytes -= size
	return size
}

// Expire forgets what was said before a moment and returns how many bytes that frees.
func (hist *History) Expire(before wheel.Tick) (freed int) {
	for hist.Count > 0 && hist.At(0).At < before {
		freed += hist.dropOldest()
	}
	return freed
}

// Clear forgets all, but not the position.
func (hist *History) Clear() (freed int) {
	for hist.Count > 0 {
		freed += hist.dropOldest()
	}
	return freed
}

// Missed is everything behind a position, in order; ok is false where not all of it is remembered, or where it is more
// than so many publications or bytes.
func (hist *History) Missed(from Position, most, mostBytes int) (pubs []Publication, bytes int, ok bool) {
	if from.Epoch != "" && from.Epoch != hist.Epoch || from.Offset > hist.Top {
		return nil, 0, false
	}
	n := hist.Top - from.Offset
	if n > uint64(hist.Count) || n > uint64(most) {
		return nil, 0, false
	}
	for i := hist.Count - int(n); i < hist.Count; i++ {
		p := hist.At(i)
		if bytes += p.Size() + Remembered; bytes > mostBytes {
			return nil, 0, false
		}
		pubs = append(pubs, *p)
	}
	return pubs, bytes, true
}

// Page is a part of the history: at most so many publications (-1 for all, 0 for none) behind since, or before it where it
// is reversed; since nil begins at the oldest, reversed at the newest. It ends with the first that makes it so many bytes.
func (hist *History) Page(since *Position, limit, mostBytes int, reverse bool) (pubs []Publication) {
	if limit < 0 || limit > hist.Count {
		limit = hist.Count
	}
	if limit == 0 {
		return nil
	}
	first := hist.Top - uint64(hist.Count) + 1 // the offset of the oldest
	from, to := 0, hist.Count
	switch {
	case since == nil:
	case !reverse:
		if since.Offset >= first {
			from = int(min(since.Offset-first+1, uint64(hist.Count)))
		}
	default:
		to = 0
		if since.Offset > first {
			to = int(min(since.Offset-first, uint64(hist.Count)))
		}
	}
	bytes := 0
	for n := min(to-from, limit); n > 0 && bytes < mostBytes; n-- {
		i := from
		if reverse {
			to--
			i = to
		} else {
			from++
		}
		p := hist.At(i)
		bytes += p.Size() + Remembered
		pubs = append(pubs, *p)
	}
	return pubs
}
