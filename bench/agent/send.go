package agent

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/throng-chat/throng/bench/histogram"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/ws"
)

// sender sends every message at its moment, or as soon after as it can: one goroutine for all of the agent's publishers. In
// a closed loop it sends each publisher's first message, and the poller that brings a message back sends the next.
type sender struct {
	proof    *proof
	protocol *Protocol
	key      uint32 // that masks
	mask     uint64
	ping     bool                                // it sends WebSocket pings, and no messages
	write    func(*netpoll.Socket, []byte) error // writeNow, but in tests
	stopped  atomic.Bool

	mu       sync.Mutex
	conns    []*conn  // by publisher; nil for another agent's
	rooms    []string // names by room
	seq      []uint32 // by publisher: the number of its next message
	frame    []byte   // one bare message, masked, of which only the stamp changes; what a full socket does not take, nbio copies
	body     int      // where in frame the payload begins
	payload  []byte   // a wrapped message
	buf      []byte
	count    Sent
	lag      histogram.Histogram // how long after its moment each was sent
	schedule schedule
	end      int64
}

// newSender sends for the connections given by publisher.
func newSender(v *proof, protocol *Protocol, conns []*conn, rooms []string) *sender {
	// A random key, as RFC 6455 wants it (5.3), but one for all: masking guards proxies against chosen bytes, and ours are
	// not chosen by anybody.
	key := rand.Uint32()
	s := &sender{
		proof:    v,
		protocol: protocol,
		write:    writeNow,
		key:      key,
		mask:     uint64(key)<<32 | uint64(key),
		conns:    conns,
		rooms:    rooms,
		seq:      make([]uint32, len(conns)),
		payload:  append(make([]byte, StampSize), v.filler...),
	}
	s.frame = ws.AppendMaskedFrame(nil, ws.OpText, key, s.payload)
	s.body = len(s.frame) - v.size
	return s
}

// run is the sender's goroutine. It ends with the schedule, or when it is stopped, or at giveUp.
func (s *sender) run(giveUp int64) {
	// A thread of its own: the kernel's sleep then wakes this goroutine and no other has to be waited for.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for !s.stopped.Load() {
		at := Now()
		if at > giveUp {
			return
		}
		intended, more := s.due(at)
		if !more {
			return
		}
		sleepUntil(max(min(intended, at+longestSleep), at+shortestSleep))
	}
}

// due sends all messages whose moment has come: after a late call all that were missed, as the schedule is caught up with
// and never cut. It returns when the next is meant to leave, and false when there is none.
func (s *sender) due(at int64) (int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range 1 << 16 { // not for ever: somebody may want to stop it
		intended, publisher, ok := s.schedule.next()
		if !ok || intended > at {
			return intended, ok
		}
		s.one(publisher, intended)
		s.schedule.done()
	}
	return at, true
}

// stop ends the goroutine soon.
func (s *sender) stop() { s.stopped.Store(true) }

// one sends publisher's next message. mu is held.
func (s *sender) one(publisher int, intended int64) {
	at := Now()
	s.lag.Record(at - intended)
	if s.ping {
		s.pingOne(publisher, intended)
		return
	}
	c := s.conns[publisher]
	if c == nil {
		s.count.Unsendable++
		return
	}
	mark := stamp{
		run: s.proof.run, publisher: uint32(publisher), seq: s.seq[publisher],
		lag: min(max(at-intended, 0), maxLag), intended: intended,
	}
	// Counted before it leaves: it may be back at once.
	s.proof.sent[publisher].Add(1)
	if err := s.write(c.nc, s.message(c, mark)); err != nil {
		s.proof.sent[publisher].Add(^uint32(0))
		s.count.Unsendable++
		return
	}
	s.seq[publisher]++
	s.count.Messages++
}

// message is the frame of a message. It is valid until the next.
func (s *sender) message(c *conn, mark stamp) []byte {
	if s.protocol.bare() {
		b := s.frame[s.body:]
		mark.put(b)
		for k := 0; k < StampSize; k += 8 {
			binary.LittleEndian.PutUint64(b[k:], binary.LittleEndian.Uint64(b[k:])^s.mask)
		}
		return s.frame
	}
	mark.put(s.payload)
	before, after := s.protocol.wrapping(s.rooms[c.room.number])
	s.buf = append(append(append(s.buf[:0], before...), s.payload...), after...)
	s.frame = ws.AppendMaskedFrame(s.frame[:0], ws.OpText, s.key, s.buf)
	return s.frame
}

func (s *sender) pingOne(publisher int, intended int64) {
	c := s.conns[publisher]
	if c == nil {
		s.count.Unsendable++
		return
	}
	payload := binary.BigEndian.AppendUint64(s.payload[:0], uint64(intended))
	s.frame = ws.AppendMaskedFrame(s.frame[:0], ws.OpPing, s.key, payload)
	if err := s.write(c.nc, s.frame); err != nil {
		s.count.Unsendable++
		return
	}
	s.count.Messages++
}

// again sends the next message of a closed loop. Called on a poller, with its lock.
func (s *sender) again(c *conn) {
	at := Now()
	if at >= s.end || s.stopped.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.one(int(c.member.publisher), at)
}

// take is what was sent until now; how late that was moves into lag.
func (s *sender) take(lag *histogram.Histogram) Sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	drain(lag, &s.lag)
	return s.count
}

// sent is what each publisher of this agent has sent; unknown for the others'.
func (s *sender) sentBy() []uint32 {
	out := make([]uint32, len(s.seq))
	for i := range out {
		if out[i] = unknown; s.proof.own(i) {
			out[i] = s.proof.sent[i].Load()
		}
	}
	return out
}

// drain moves what from has recorded into to.
func drain(to, from *histogram.Histogram) {
	if from.Total() > 0 {
		to.Merge(from)
		*from = histogram.Histogram{}
	}
}

// some is h, or nil where nothing was recorded.
func some(h *histogram.Histogram) *histogram.Histogram {
	if h.Total() == 0 {
		return nil
	}
	return h
}
