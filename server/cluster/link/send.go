package link

import "github.com/throng-chat/throng/server/record"

// What a Queue sends, and when again.

// Restart sends all requests again that have no answer: their message may be lost, or the log has another owner.
func (s *Queue) Restart() {
	s.mu.Lock()
	for _, r := range s.queue[:s.sent] {
		if !r.done {
			s.resent++
		}
	}
	s.sent = 0
	more := len(s.queue) > 0
	s.mu.Unlock()
	if more {
		s.Wake()
	}
}

// Next returns the next message to the owner with a term; nil for none. A message is a record: its term is that of the owner, and the record that
// it expects is the oldest number without an answer. All records of the terms before are applied.
func (s *Queue) Next(term uint64) (message []byte) {
	var done []func()
	s.mu.Lock()
	if term != s.term {
		s.term = term
		done = s.endDecidedLocked()
	}
	message = s.nextLocked(term)
	s.mu.Unlock()
	for _, f := range done {
		f()
	}
	return message
}

// endDecidedLocked ends the requests before one that the log has: the owner before has decided about them, and did not store them. Its answer is lost. The
// next owner must not store them behind what was published later.
func (s *Queue) endDecidedLocked() (done []func()) {
	for _, r := range s.queue {
		if r.number >= s.stored {
			break
		}
		if !r.done && r.answer == nil {
			s.endLocked(r)
			done = append(done, func() { r.Done(Answer{}, true) })
		}
	}
	s.trimLocked()
	return done
}

func (s *Queue) nextLocked(term uint64) (message []byte) {
	if s.sent >= len(s.queue) {
		return nil
	}
	s.writer.Reset()
	for ; s.sent < len(s.queue); s.sent++ {
		if !s.addLocked(s.queue[s.sent]) {
			break
		}
		s.handed = s.queue[s.sent].number
	}
	return append([]byte(nil), s.writer.Seal(record.Header{Term: term, Expected: s.queue[0].number})...)
}

// maxMessage is the size of a message above which no request is added: a request has at most half a record, so it fits.
const maxMessage = record.MaxRecord / 2

// addLocked adds a request to the message. It returns false if the message is full.
func (s *Queue) addLocked(r *Request) bool {
	if s.writer.Len() > 0 && s.writer.Size()+r.Size > maxMessage {
		return false
	}
	entries := r.Entries
	if r.done { // the number stays: numbers have no holes
		entries = []record.Entry{{Kind: record.Fence, Edge: s.Edge, EdgeNumber: r.number}}
	}
	for i := range entries {
		if err := s.writer.Add(&entries[i]); err != nil {
			panic(err) // Fits has checked it
		}
	}
	return true
}

// Fits reports whether entries fit in a message.
func Fits(entries []record.Entry) error {
	var w record.Writer
	for i := range entries {
		e := entries[i]
		e.Edge, e.EdgeNumber = ^uint64(0), ^uint64(0)
		if err := w.Add(&e); err != nil {
			return err
		}
	}
	return nil
}
