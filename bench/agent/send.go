package agent

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/throng-chat/throng/bench/histogram"
	"github.com/throng-chat/throng/server/ws"
)

// sender sends every message at its scheduled time, or as soon after as possible. One goroutine sends for all publishers of the agent. In a
// closed loop it sends each publisher's first message; the poller that receives the message sends the next.
type sender struct {
	check    *deliveryCheck
	protocol *Protocol
	key      uint32 // the masking key
	mask     uint64
	ping     bool                      // send WebSocket pings instead of messages
	write    func(*conn, []byte) error // writeNow; tests replace it
	stopped  atomic.Bool

	mu       sync.Mutex
	conns    []*conn  // by publisher; nil for another agent's
	rooms    []string // names by room
	seq      []uint32 // by publisher: the number of its next message
	frame    []byte   // one masked message without a wrapping, of which only the stamp changes; nbio copies what the socket does not accept
	body     int      // offset of the payload in frame
	payload  []byte   // a wrapped message
	buf      []byte
	count    Sent
	lag      histogram.Histogram // how long after its scheduled time each message was sent
	schedule schedule
	end      int64
}

// newSender returns a sender for the connections, by publisher.
func newSender(v *deliveryCheck, protocol *Protocol, conns []*conn, rooms []string) *sender {
	// RFC 6455, 5.3 requires a random key for each frame, so that an attacker cannot choose the bytes that a proxy sees. Here the bench
	// chooses all bytes, so one random key is enough.
	key := rand.Uint32()
	s := &sender{
		check:    v,
		protocol: protocol,
		write:    writeNow,
		key:      key,
		mask:     uint64(key)<<32 | uint64(key),
		conns:    conns,
		rooms:    rooms,
		seq:      make([]uint32, len(conns)),
		payload:  append(make([]byte, StampSize), v.filler.of(0, 0)...),
	}
	s.frame = ws.AppendMaskedFrame(nil, ws.OpText, key, s.payload)
	s.body = len(s.frame) - v.size
	return s
}

// run is the sender's goroutine. It ends with the schedule, at stop, or at the time giveUp.
func (s *sender) run(giveUp int64) {
	// A thread of its own: the kernel's sleep wakes this goroutine directly.
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

// due sends all messages whose scheduled time has passed. A late call sends all that are overdue: the schedule is never shortened. It
// returns the time of the next message, and false at the end of the schedule.
func (s *sender) due(at int64) (int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range 1 << 16 { // bounded, so that stop has an effect
		intended, publisher, ok := s.schedule.next()
		if !ok || intended > at {
			return intended, ok
		}
		s.one(publisher, intended)
		s.schedule.done()
	}
	return at, true
}

// stop makes the goroutine end soon. It does not wait.
func (s *sender) stop() { s.stopped.Store(true) }

// one sends publisher's next message. The caller holds mu.
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
		run: s.check.run, publisher: uint32(publisher), seq: s.seq[publisher],
		lag: min(max(at-intended, 0), maxLag), intended: intended,
	}
	// Counted before the write, because the delivery may arrive at once.
	s.check.sent[publisher].Add(1)
	if err := s.write(c, s.message(c, mark)); err != nil {
		s.check.sent[publisher].Add(^uint32(0))
		s.count.Unsendable++
		return
	}
	s.seq[publisher]++
	s.count.Messages++
}

// message returns the frame of a message. It is valid until the next call.
func (s *sender) message(c *conn, mark stamp) []byte {
	if s.protocol.bare() && !s.check.filler.many {
		b := s.frame[s.body:]
		mark.put(b)
		for k := 0; k < StampSize; k += 8 {
			binary.LittleEndian.PutUint64(b[k:], binary.LittleEndian.Uint64(b[k:])^s.mask)
		}
		return s.frame
	}
	mark.put(s.payload)
	copy(s.payload[StampSize:], s.check.filler.of(mark.publisher, mark.seq))
	before, after := s.protocol.wrapping(s.rooms[c.room.number], len(s.payload))
	s.buf = append(append(append(s.buf[:0], before...), s.payload...), after...)
	s.frame = ws.AppendMaskedFrame(s.frame[:0], s.protocol.op(), s.key, s.buf)
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
	if err := s.write(c, s.frame); err != nil {
		s.count.Unsendable++
		return
	}
	s.count.Messages++
}

// again sends the next message of a closed loop. A poller calls it, with its lock.
func (s *sender) again(c *conn) {
	at := Now()
	if at >= s.end || s.stopped.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.one(int(c.member.publisher), at)
}

// take returns what was sent until now, and the send delays that were recorded since the last call; nil for none.
func (s *sender) take() (count Sent, lag *histogram.Histogram) {
	s.mu.Lock()
	defer s.mu.Unlock()
	drain(&lag, &s.lag)
	return s.count, lag
}

// sentBy returns the number of messages that each publisher has sent; unknown for another agent's publisher.
func (s *sender) sentBy() []uint32 {
	out := make([]uint32, len(s.seq))
	for i := range out {
		if out[i] = unknown; s.check.own(i) {
			out[i] = s.check.sent[i].Load()
		}
	}
	return out
}

// drain moves the values of from into to, which is nil before the first ones: a histogram has 36 KiB.
func drain(to **histogram.Histogram, from *histogram.Histogram) {
	switch {
	case from.Total() == 0:
		return
	case *to == nil:
		*to = &histogram.Histogram{}
	}
	(*to).Merge(from)
	*from = histogram.Histogram{}
}
