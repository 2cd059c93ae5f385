package bench

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/ws"
)

// sender sends every message at its moment, or as soon after as it can: one goroutine for all publishers.
type sender struct {
	verifier *verifier
	conns    []*conn // the publishers
	pacer    pacer
	seq      []uint32 // by publisher: the number of its next message

	// One message, masked, of which only the stamp changes. What a full socket does not take, nbio copies.
	frame []byte
	body  int // where in frame the payload begins
	mask  uint64

	mu     sync.Mutex
	count  sent
	lag    histogram // of the measured messages: how long after its moment each was sent
	ending int64     // the end of the measured part, for count.inTime
}

// sent is what became of the schedule.
type sent struct {
	messages   uint64 // written
	measured   uint64 // of those, not warm-up
	inTime     uint64 // of the measured, written before the measured part ended
	unsendable uint64 // their publisher's connection was gone
}

func newSender(v *verifier, conns []*conn, rate int, start int64, warmup, duration time.Duration) *sender {
	// A random key, as RFC 6455 wants it (5.3), but one for all: masking guards proxies against chosen bytes, and ours are
	// not chosen by anybody.
	key := rand.Uint32()
	s := &sender{
		verifier: v,
		conns:    conns,
		seq:      make([]uint32, len(conns)),
		mask:     uint64(key)<<32 | uint64(key),
		frame:    ws.AppendMaskedFrame(nil, ws.OpText, key, append(make([]byte, StampSize), v.filler...)),
		ending:   start + int64(warmup+duration),
		pacer:    pacer{start: start, rate: uint64(rate)},
	}
	s.body = len(s.frame) - v.size
	// Messages whose moment is before the end.
	all := pacer{start: start, rate: uint64(rate), total: 1 << 62}
	_, s.pacer.total = all.due(s.ending - 1)
	return s
}

// send is the sender's goroutine. It ends with the schedule, or when ctx does, or at giveUp.
func (s *sender) send(ctx context.Context, giveUp int64) {
	// A thread of its own: the kernel's sleep then wakes this goroutine and no other has to be waited for.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for !s.pacer.done() && ctx.Err() == nil {
		at := now()
		if at > giveUp {
			return
		}
		if from, to := s.pacer.due(at); from < to {
			s.mu.Lock()
			for n := from; n < to; n++ {
				s.one(n)
			}
			s.mu.Unlock()
			continue
		}
		sleepUntil(max(min(s.pacer.intended(s.pacer.next), at+longestSleep), at+shortestSleep))
	}
}

// one sends message n. Called with mu held.
func (s *sender) one(n uint64) {
	i := int(n % uint64(len(s.conns)))
	intended := s.pacer.intended(n)
	at := now()
	measured := intended >= s.verifier.measureFrom.Load()
	if measured {
		s.lag.record(at - intended)
	}
	b := s.frame[s.body:]
	stamp{run: s.verifier.run, publisher: uint32(i), seq: s.seq[i], intended: intended}.put(b)
	for k := 0; k < StampSize; k += 8 {
		binary.LittleEndian.PutUint64(b[k:], binary.LittleEndian.Uint64(b[k:])^s.mask)
	}
	// Counted before it leaves: it may be back at once.
	s.verifier.sent[i].Add(1)
	if err := writeNow(s.conns[i].nc, s.frame); err != nil {
		s.verifier.sent[i].Add(^uint32(0))
		s.count.unsendable++
		return
	}
	s.seq[i]++
	s.count.messages++
	if measured {
		s.count.measured++
		if at < s.ending {
			s.count.inTime++
		}
	}
}

// state is what was sent until now, and how late.
func (s *sender) state() (sent, histogram) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count, s.lag
}
