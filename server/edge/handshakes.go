package edge

import (
	"container/list"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/metrics"
)

// Handshakes bounds the sockets of the public port that are not in the loop, in number and in time: each costs a goroutine or
// two and several KB, against 1 KB in the loop. When there is one too many, the least useful is closed: who sends a request at
// once, and reads the answer, is never hurt by who does not.
type Handshakes struct {
	log     *slog.Logger
	metrics *metrics.Metrics
	max     func() int          // how many there may be now, whatever they do
	Release func(*chat.Address) // gives back what a socket counted for its address; called without Mu

	Mu        sync.Mutex
	Waiting   *list.List         // of *Handshake: no whole request yet, the oldest first
	Answering *list.List         // a request is being answered, the one without progress for the longest time first
	Flushing  *list.List         // answered, and the kernel still holds bytes that the peer has not taken; in the order of the answers
	Kept      *list.List         // for another request, the oldest first
	Asking    *list.List         // a handshake about which the application is asked, which bounds their number; the oldest first
	Trusted   *list.List         // as answering and kept, of callers with the server API's key; closed last
	byAddress map[netip.Addr]int // of those waiting
	Closing   int                // evicted, and the descriptor is not free yet
}

func NewHandshakes(log *slog.Logger, m *metrics.Metrics, max func() int) *Handshakes {
	return &Handshakes{
		log: log, metrics: m, max: max, Release: func(*chat.Address) {},
		Waiting: list.New(), Answering: list.New(), Flushing: list.New(), Kept: list.New(),
		Asking: list.New(), Trusted: list.New(),
		byAddress: map[netip.Addr]int{},
	}
}

// watch adds how many there are to the metrics.
func (h *Handshakes) watch(m *metrics.Metrics) {
	m.Gauge("throng_handshakes_pending", "Connections that have not finished their handshake.", func() float64 { return float64(h.Count()) })
	m.Gauge("throng_http_answering", "HTTP requests of the public port that are being answered.",
		func() float64 { return float64(h.Length(h.Answering)) })
	m.Gauge("throng_http_kept", "Sockets of the public port whose HTTP request was answered, and that are kept for another.",
		func() float64 { return float64(h.Length(h.Flushing, h.Kept)) })
}

// Count is how many have not sent a whole request.
func (h *Handshakes) Count() int { return h.Length(h.Waiting) }

func (h *Handshakes) Length(lists ...*list.List) (n int) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	for _, l := range lists {
		n += l.Len()
	}
	return n
}

func (h *Handshakes) totalLocked() int {
	return h.Waiting.Len() + h.Answering.Len() + h.Flushing.Len() + h.Kept.Len() + h.Asking.Len() + h.Trusted.Len()
}

// Trust is called when the request of c has shown the key of the server API: no crowd of guests has it closed.
func (h *Handshakes) Trust(c *Handshake) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	if c.hasKey = true; c.At != nil {
		h.MoveLocked(c, h.Trusted)
	}
}

// Asks is called when the application is asked about the handshake of c.
func (h *Handshakes) Asks(c *Handshake) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	if c.At != nil {
		h.MoveLocked(c, h.Asking)
	}
}

// progressed is when the peer of c has taken bytes of its answer.
func (h *Handshakes) progressed(c *Handshake) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	if c.Since = time.Now(); c.in == h.Answering {
		h.Answering.MoveToBack(c.At)
	}
}

// refusedSlow counts an answer that is cut, because its peer takes no more of it.
func (h *Handshakes) refusedSlow() { h.metrics.HttpRefused.WithLabelValues(metrics.RefusedSlow).Inc() }

// End is when c goes to the loop, or nothing more will come.
func (h *Handshakes) End(c *Handshake) {
	h.Mu.Lock()
	was := h.endLocked(c)
	if c.evicted && !c.ended {
		c.ended = true
		h.Closing--
	}
	h.Mu.Unlock()
	h.giveBack(was.source)
}

// Take is the place that c has counted for its address, for who goes on with its socket; nil where it has none.
func (h *Handshakes) Take(c *Handshake) *chat.Address {
	if c == nil {
		return nil
	}
	h.Mu.Lock()
	defer h.Mu.Unlock()
	source := c.Source
	c.Source = nil
	return source
}

func (h *Handshakes) giveBack(source *chat.Address) {
	if source != nil {
		h.Release(source)
	}
}

func (h *Handshakes) MoveLocked(c *Handshake, to *list.List) {
	h.leaveLocked(c)
	c.Since, c.Unsent, c.in, c.At = time.Now(), -1, to, to.PushBack(c)
	if to == h.Waiting {
		h.byAddress[c.Address]++
	}
}

func (h *Handshakes) leaveLocked(c *Handshake) {
	if c.At == nil {
		return
	}
	c.in.Remove(c.At)
	if c.in == h.Waiting {
		if h.byAddress[c.Address]--; h.byAddress[c.Address] == 0 {
			delete(h.byAddress, c.Address)
		}
	}
	c.in, c.At = nil, nil
}

// ended is what a socket was until it was forgotten. The caller of endLocked gives the source back, without Mu.
type ended struct {
	source *chat.Address
	in     *list.List
}

// endLocked forgets c.
func (h *Handshakes) endLocked(c *Handshake) (was ended) {
	if c == nil {
		return was
	}
	was = ended{c.Source, c.in}
	c.Source = nil
	h.leaveLocked(c)
	return was
}
