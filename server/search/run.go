package search

import (
	"runtime"

	"github.com/throng-chat/throng/server/timeline"
)

// Text is one message. Its strings are immutable.
type Text = timeline.Text

// Source appends the messages of a room before an offset to dst, the newest first, until dst is full. next is the offset of the last message that
// it looked at, which is the argument of the next call; 0 at the end. An offset of 0 stands for the newest message. The result may be empty before
// the end.
type Source func(before uint64, dst []Text) (texts []Text, next uint64)

// Position is where a search continues in a source. The zero position is the newest message.
type Position struct {
	Before uint64 // the offset of the last message that was compared
	Done   bool   // there are no more
}

// Query is a search in several sources.
type Query struct {
	Matcher *Matcher
	User    string // only messages of this author; empty for all
	Sources []Source
	From    []Position // of each source

	// Take gets a message that matches, with the index of its source. It returns false if the result is full: then the search ends before that
	// message.
	Take func(source int, found Text) bool

	Canceled func() bool // ends the search; asked after each chunk
	MaxBytes int         // of all texts that are compared; beyond it the search ends early
}

// Sizes of chunks, in messages.
const (
	maxChunk = 1024 // copying so many takes about 0.1 ms, and the room is locked meanwhile
	minChunk = 64
	ahead    = 8 * maxChunk // of all sources together
)

// messageCost is the number of bytes that a message counts for MaxBytes beyond its text.
const messageCost = 32

// Run searches: it passes the messages that match to Take, the newest of all sources first. It returns where the search continues in each source,
// and the bytes that it compared. All positions are Done if all messages were compared. It yields the processor after each chunk.
func (q *Query) Run() (at []Position, bytes int) {
	s := &scan{Query: q, chunk: min(max(ahead/max(len(q.Sources), 1), minChunk), maxChunk)}
	for i, from := range q.From {
		s.all = append(s.all, from)
		if c := (&cursor{source: i, at: from, next: from.Before}); !from.Done && s.fill(c) {
			s.push(c)
		}
	}
	for len(s.heap) > 0 && s.step() {
	}
	for _, next := range s.heap {
		s.all[next.source] = next.position()
	}
	return s.all, s.bytes
}

// scan is the state of Run.
type scan struct {
	*Query
	chunk int
	heap  []head     // the next messages of those sources that have one, the newest first
	all   []Position // of all sources; set when a source ends
	bytes int
	ended bool
}

// head is the next message of a source.
type head struct {
	time int64
	*cursor
}

// cursor is the place in one source.
type cursor struct {
	source int
	at     Position
	texts  []Text // of the chunk, not compared
	buffer []Text
	next   uint64 // where the chunk behind it begins
	last   bool   // there is none
}

// position returns where another search continues: at the next message, also if newer ones are published meanwhile.
func (c *cursor) position() Position {
	if c.at.Before == 0 && len(c.texts) > 0 {
		return Position{Before: c.texts[0].Offset + 1}
	}
	return c.at
}

// fill reads the next chunk of a cursor. It returns false, and notes the source as done, if there are no more messages.
func (s *scan) fill(c *cursor) bool {
	if c.buffer == nil {
		c.buffer = make([]Text, 0, s.chunk)
	}
	for !c.last && !s.ended {
		c.texts, c.next = s.Sources[c.source](c.next, c.buffer)
		c.last = c.next == 0
		runtime.Gosched()
		s.ended = s.Canceled()
		if len(c.texts) > 0 {
			return true
		}
	}
	s.all[c.source] = Position{Done: true}
	return false
}

// step compares the newest message of all. It returns false if the search ends.
func (s *scan) step() bool {
	if s.ended || s.bytes >= s.MaxBytes {
		return false
	}
	c := s.heap[0].cursor
	next := &c.texts[0]
	if (s.User == "" || next.User == s.User) && s.Matcher.Match(next.Text) && !s.Take(c.source, *next) {
		return false
	}
	s.bytes += len(next.Text) + messageCost
	c.at.Before = next.Offset
	if c.texts = c.texts[1:]; len(c.texts) > 0 || s.fill(c) {
		s.heap[0].time = c.texts[0].UnixMilli
	} else {
		last := len(s.heap) - 1
		s.heap[0] = s.heap[last]
		s.heap = s.heap[:last]
	}
	s.sink()
	return true
}

// push adds a cursor to the heap.
func (s *scan) push(c *cursor) {
	s.heap = append(s.heap, head{c.texts[0].UnixMilli, c})
	for i := len(s.heap) - 1; i > 0 && s.newer(i, (i-1)/2); i = (i - 1) / 2 {
		s.heap[i], s.heap[(i-1)/2] = s.heap[(i-1)/2], s.heap[i]
	}
}

// sink restores the order of the heap after its first cursor has changed.
func (s *scan) sink() {
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(s.heap) {
			return
		}
		if child+1 < len(s.heap) && s.newer(child+1, child) {
			child++
		}
		if !s.newer(child, i) {
			return
		}
		s.heap[i], s.heap[child] = s.heap[child], s.heap[i]
		i = child
	}
}

// newer reports whether the next message of one cursor is newer than that of another. Messages of the same time are in the order of the sources.
func (s *scan) newer(i, j int) bool {
	a, b := &s.heap[i], &s.heap[j]
	if a.time != b.time {
		return a.time > b.time
	}
	return a.source < b.source
}
