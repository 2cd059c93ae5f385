package chat

import (
	"sync/atomic"

	"github.com/throng-chat/throng/server/wheel"
)

// History has the newest publications of a room, bounded in number and age by the room's options, and the stream position. Guarded by
// Stripe.Mu of the room, except for first.
type History struct {
	ring       []Publication
	head       int // index of the oldest publication
	Count      int
	kinds      [3]int // messages, notices and changes: they add up to Count
	LastOffset uint64 // offset of the last publication, also after it is dropped; the first has 1
	Epoch      string // offsets of different epochs are not comparable; empty if the room has no history
	Bytes      int

	first atomic.Uint64 // offset of the oldest publication; without one, of the newest message of a chat room; 0 for none
}

// Memory of a history beyond the data of its publications: estimates in bytes.
const (
	PublicationOverhead = 160     // per publication
	HistoryOverhead     = 1 << 10 // per room with publications
)

// Position returns the stream position: the offset of the last publication, and the epoch.
func (hist *History) Position() StreamPosition { return StreamPosition{hist.LastOffset, hist.Epoch} }

// noticesPerMessage is the number of redaction notices that a history keeps for each message of its size. A message has one notice at
// most. So notices never evict a message that is not redacted.
const noticesPerMessage = 2

// changesPerMessage is the number of changes (edits, deletions, reactions) that a history keeps for each message of its size. A change
// beyond it evicts the oldest publications.
const changesPerMessage = 4

// add assigns an offset to p and appends p. It drops the oldest publications until the history has at most maxMessages messages, and the numbers of
// notices and changes that belong to it. It returns the growth in bytes, which may be negative.
func (hist *History) add(p *Publication, maxMessages int) (grown int) {
	hist.LastOffset++
	p.Offset = hist.LastOffset
	of, limit := hist.kind(p, maxMessages)
	for *of >= limit {
		grown -= hist.dropOldest()
	}
	*of++
	if hist.Count == len(hist.ring) {
		size := max(2*len(hist.ring), 4)
		if maxMessages > len(hist.ring) {
			size = min(size, maxMessages) // many rooms have no notices and no changes
		}
		bigger := make([]Publication, min(size, (1+noticesPerMessage+changesPerMessage)*maxMessages))
		for i := range hist.Count {
			bigger[i] = *hist.At(i)
		}
		hist.ring, hist.head = bigger, 0
	}
	*hist.At(hist.Count) = *p
	hist.Count++
	hist.first.Store(hist.firstOffset())
	size := p.Memory() + PublicationOverhead
	if hist.Count == 1 {
		size += HistoryOverhead
	}
	hist.Bytes += size
	return grown + size
}

// kind returns the counter of the kind of p, and the limit of that kind in a history of maxMessages messages.
func (hist *History) kind(p *Publication, maxMessages int) (of *int, limit int) {
	switch {
	case p.change:
		return &hist.kinds[2], changesPerMessage * maxMessages
	case p.notice:
		return &hist.kinds[1], noticesPerMessage * maxMessages
	}
	return &hist.kinds[0], maxMessages
}

// firstOffset returns the offset of the oldest publication; of an empty history, that of the next one.
func (hist *History) firstOffset() uint64 { return hist.LastOffset - uint64(hist.Count) + 1 }

// At returns the publication with index i; the oldest has 0.
func (hist *History) At(i int) *Publication { return &hist.ring[(hist.head+i)%len(hist.ring)] }

// Find returns the publication with an offset; nil if the history does not have it.
func (hist *History) Find(offset uint64) *Publication {
	first := hist.firstOffset()
	if offset < first || offset > hist.LastOffset {
		return nil
	}
	return hist.At(int(offset - first))
}

// Redacted is the data of a redacted publication.
var Redacted = []byte(`{"redacted":true}`)

// redact replaces the data of a publication by Redacted and removes its tags. Its offset and its publisher stay. It returns the growth of
// the history in bytes.
func (hist *History) redact(p *Publication) (grown int) { return hist.replace(p, Redacted) }

// replace is redact with other data.
func (hist *History) replace(p *Publication, data []byte) (grown int) {
	grown = -p.Memory()
	p.Data, p.Form, p.Tags = data, FormJSON, nil
	grown += p.Memory()
	hist.Bytes += grown
	return grown
}

// grow counts the growth in bytes of what the room has beyond its publications, and returns it.
func (hist *History) grow(bytes int) int {
	hist.Bytes += bytes
	return bytes
}

// dropOldest drops one publication and returns its size.
func (hist *History) dropOldest() int {
	oldest := hist.At(0)
	size := oldest.Memory() + PublicationOverhead
	of, _ := hist.kind(oldest, 0)
	*of--
	*oldest = Publication{}
	hist.head = (hist.head + 1) % len(hist.ring)
	hist.Count--
	if hist.Count == 0 {
		hist.ring, hist.head = nil, 0
		size += HistoryOverhead
		hist.first.Store(0)
	} else {
		hist.first.Store(hist.firstOffset())
	}
	hist.Bytes -= size
	return size
}

// shrink drops the oldest publications until the history has at most maxMessages messages, and the numbers of notices and changes that
// belong to it. It returns how many bytes that frees, and releases the places that the history no longer needs.
func (hist *History) shrink(maxMessages int) (freed int) {
	limits := [...]int{maxMessages, noticesPerMessage * maxMessages, changesPerMessage * maxMessages}
	for i := range hist.kinds {
		for hist.kinds[i] > limits[i] {
			freed += hist.dropOldest()
		}
	}
	if most := (1 + noticesPerMessage + changesPerMessage) * maxMessages; hist.Count > 0 && len(hist.ring) > most {
		smaller := make([]Publication, most)
		for i := range hist.Count {
			smaller[i] = *hist.At(i)
		}
		hist.ring, hist.head = smaller, 0
	}
	return freed
}

// expire drops publications from before a tick and returns how many bytes that frees.
func (hist *History) expire(before wheel.Tick) (freed int) {
	for hist.Count > 0 && hist.At(0).At < before {
		freed += hist.dropOldest()
	}
	return freed
}

// clearTo drops the publications up to an offset and returns how many bytes that frees. The stream position stays.
func (hist *History) clearTo(offset uint64) (freed int) {
	for hist.Count > 0 && hist.firstOffset() <= offset {
		freed += hist.dropOldest()
	}
	return freed
}

// after returns all publications after a position, the oldest first, and their bytes. ok is false if the history does not have all of
// them, if the epoch differs, or if they exceed maxCount publications or maxBytes.
func (hist *History) after(from StreamPosition, maxCount, maxBytes int) (pubs []Publication, bytes int, ok bool) {
	if from.Epoch != "" && from.Epoch != hist.Epoch || from.Offset > hist.LastOffset {
		return nil, 0, false
	}
	n := hist.LastOffset - from.Offset
	if n > uint64(hist.Count) || n > uint64(maxCount) {
		return nil, 0, false
	}
	for i := hist.Count - int(n); i < hist.Count; i++ {
		p := hist.At(i)
		if bytes += p.Size() + PublicationOverhead; bytes > maxBytes {
			return nil, 0, false
		}
		pubs = append(pubs, *p)
	}
	return pubs, bytes, true
}

// newest returns the newest publications, the oldest of them first: at most limit, and as many as maxBytes allow. bytes is their size.
func (hist *History) newest(limit, maxBytes int) (pubs []Publication, bytes int) {
	n := 0
	for limit = min(limit, hist.Count); n < limit; n++ {
		p := hist.At(hist.Count - 1 - n)
		size := p.Size() + PublicationOverhead
		if bytes+size > maxBytes {
			break
		}
		bytes += size
	}
	for i := hist.Count - n; i < hist.Count; i++ {
		pubs = append(pubs, *hist.At(i))
	}
	return pubs, bytes
}

// page returns at most limit publications (-1: all) after since, or from the oldest if since is nil. With reverse it goes backward: from the
// publication before since, or from the newest. It ends with the publication that makes it maxBytes or more.
func (hist *History) page(since *StreamPosition, limit, maxBytes int, reverse bool) (pubs []Publication) {
	if limit < 0 || limit > hist.Count {
		limit = hist.Count
	}
	if limit == 0 {
		return nil
	}
	first := hist.firstOffset()
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
	for n := min(to-from, limit); n > 0 && bytes < maxBytes; n-- {
		i := from
		if reverse {
			to--
			i = to
		} else {
			from++
		}
		p := hist.At(i)
		bytes += p.Size() + PublicationOverhead
		pubs = append(pubs, *p)
	}
	return pubs
}
