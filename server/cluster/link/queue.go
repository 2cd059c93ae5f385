package link

import (
	"errors"
	"hash/fnv"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/record"
)

// MaxWaiting is the limit of the bytes of requests that wait for their answer, for one log.
const MaxWaiting = 16 << 20

// Errors of Add.
var (
	ErrBusy       = errors.New("too many requests wait for another node") // MaxWaiting is used up
	ErrNoMajority = errors.New("this node does not reach a majority of the nodes")
)

// Edge returns the number of a node in the log. It is not 0.
func Edge(node string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(node)) // never fails
	return h.Sum64() | 1
}

// Request is one request to the owner of a log.
type Request struct {
	Entries []record.Entry // of one room; constant after Add
	Size    int            // bytes, about
	Added   time.Duration  // when it was added
	// Done is called once, with an answer or, if unavailable is set, without one: the outcome is unknown. It must not block.
	Done func(a Answer, unavailable bool)

	number uint64
	done   bool
	answer *Answer // that waits for its record
}

// Queue has the requests of this node to the owner of one log. Any goroutine may call its methods. Done is called without locks.
type Queue struct {
	Edge uint64
	Wake func() // there is something to send; it must not block

	mu      sync.Mutex // a leaf
	queue   []*Request // without an answer, in the order of their numbers, which have no holes; some are done
	last    uint64     // number of the newest request
	sent    int        // requests of queue that were sent in this term
	bytes   int        // of queue
	applied uint64     // number of the newest record of the log that is applied
	stored  uint64     // number of the newest request that the log has
	term    uint64     // of the newest message
	waiting int        // requests of queue with an answer
	refuses bool
	writer  record.Writer

	resent     uint64 // requests that were sent again
	handed     uint64 // number of the last request of the last message
	servedTerm uint64 // the term in which this node has done requests itself, up to the number served
	served     uint64
}

// Add adds a request. Errors: ErrBusy, ErrNoMajority.
func (s *Queue) Add(r *Request) error {
	s.mu.Lock()
	if s.refuses {
		s.mu.Unlock()
		return ErrNoMajority
	}
	if s.bytes+r.Size > MaxWaiting {
		s.mu.Unlock()
		return ErrBusy
	}
	s.last++
	r.number = s.last
	for i := range r.Entries {
		r.Entries[i].Edge, r.Entries[i].EdgeNumber = s.Edge, r.number
	}
	s.queue = append(s.queue, r)
	s.bytes += r.Size
	s.mu.Unlock()
	s.Wake()
	return nil
}

// Refuse makes Add refuse requests, or accept them again.
func (s *Queue) Refuse(refuse bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuses = refuse
}

// Applied notes that a record of the log is applied, with the results of requests of this node in it.
func (s *Queue) Applied(seq uint64, results []Result) {
	var done []func()
	s.mu.Lock()
	s.applied = max(s.applied, seq)
	for _, r := range results {
		s.stored = max(s.stored, r.Number)
		done = s.completeLocked(done, r.Number, Answer{Number: r.Number, Offset: r.Offset, Epoch: r.Epoch})
	}
	if s.waiting > 0 {
		for _, r := range s.queue {
			if r.answer != nil && r.answer.Applied <= s.applied {
				done = s.completeLocked(done, r.number, *r.answer)
			}
		}
	}
	s.trimLocked()
	s.mu.Unlock()
	for _, f := range done {
		f()
	}
}

// Rewind notes that no record is applied any more: the log begins again.
func (s *Queue) Rewind() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.applied = 0
}

// Answered handles an answer of the owner. It counts when the records that the owner had applied are applied here.
func (s *Queue) Answered(a Answer) {
	var done []func()
	s.mu.Lock()
	if r := s.findLocked(a.Number); r != nil && !r.done && r.answer == nil {
		if a.Applied <= s.applied {
			done = s.completeLocked(done, a.Number, a)
			s.trimLocked()
		} else {
			r.answer = &a
			s.waiting++
		}
	}
	s.mu.Unlock()
	for _, f := range done {
		f()
	}
}

// Expire ends the requests that were added before a time, without an answer.
func (s *Queue) Expire(before time.Duration) (expired int) {
	var done []func()
	s.mu.Lock()
	for _, r := range s.queue {
		if r.Added >= before {
			break
		}
		if !r.done {
			s.endLocked(r)
			done = append(done, func() { r.Done(Answer{}, true) })
		}
	}
	s.trimLocked()
	s.mu.Unlock()
	for _, f := range done {
		f()
	}
	return len(done)
}

// Waiting returns the number of requests without an answer, and the time of the oldest.
func (s *Queue) Waiting() (n int, oldest time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) > 0 {
		oldest = s.queue[0].Added
	}
	return len(s.queue), oldest
}

// Resent returns how often a request was sent again. One that is sent three times counts twice.
func (s *Queue) Resent() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.resent
}

func (s *Queue) findLocked(number uint64) *Request {
	if len(s.queue) == 0 || number < s.queue[0].number || number > s.last {
		return nil
	}
	return s.queue[number-s.queue[0].number]
}

func (s *Queue) completeLocked(done []func(), number uint64, a Answer) []func() {
	r := s.findLocked(number)
	if r == nil || r.done {
		return done
	}
	s.endLocked(r)
	return append(done, func() { r.Done(a, false) })
}

func (s *Queue) endLocked(r *Request) {
	if r.answer != nil {
		r.answer = nil
		s.waiting--
	}
	r.done, r.Entries = true, nil
	s.bytes -= r.Size
	r.Size = 0
}

// trimLocked removes the oldest requests that are done.
func (s *Queue) trimLocked() {
	n := 0
	for n < len(s.queue) && s.queue[n].done {
		n++
	}
	clear(s.queue[:n])
	s.queue = s.queue[n:]
	s.sent = max(s.sent-n, 0)
	if len(s.queue) == 0 {
		s.queue = nil
	}
}
