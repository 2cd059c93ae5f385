package server

import (
	"container/list"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/netpoll"
)

// handshakes bounds the sockets of the public port that are not in the loop, in number and in time: each costs a goroutine or
// two and several KB, against 1 KB in the loop. When there is one too many, the least useful is closed: who sends a request at
// once, and reads the answer, is never hurt by who does not.
type handshakes struct {
	log     *slog.Logger
	metrics *metrics.Metrics
	max     func() int          // how many there may be now, whatever they do
	release func(*chat.Address) // gives back what a socket counted for its address; called without mu

	mu        sync.Mutex
	waiting   *list.List         // of *handshake: no whole request yet, the oldest first
	answering *list.List         // a request is being answered, the one without progress for the longest time first
	flushing  *list.List         // answered, and the kernel still holds bytes that the peer has not taken; in the order of the answers
	kept      *list.List         // for another request, the oldest first
	asking    *list.List         // a handshake about which the application is asked, which bounds their number; the oldest first
	trusted   *list.List         // as answering and kept, of callers with the server API's key; closed last
	byAddress map[netip.Addr]int // of those waiting
	closing   int                // evicted, and the descriptor is not free yet
}

// handshake is a connection on its way to its first request, or that net/http answers requests of.
type handshake struct {
	*net.TCPConn
	peer    netip.Addr
	remote  netip.AddrPort // peer and its port
	address netip.Addr     // what counts as one; the zero Addr for a proxy, which comes for many
	read    []byte         // bytes of the request that were read ahead of net/http
	owner   *handshakes    // nil until begin
	gate    chan struct{}  // of those at work; constant from Accept on
	resting atomic.Bool    // its place is given back
	until   time.Time      // by which an answer must be written; owned by the goroutine that writes
	source  *chat.Address  // guarded by handshakes.mu; nil where it does not count
	in      *list.List     // guarded by handshakes.mu
	at      *list.Element  // guarded by handshakes.mu; nil when in none
	since   time.Time      // guarded by handshakes.mu: of its last change or progress
	unsent  int            // guarded by handshakes.mu: bytes that the kernel held at the last look, while flushing
	evicted bool           // guarded by handshakes.mu
	ended   bool           // guarded by handshakes.mu: after it was evicted
	gone    chan struct{}  // closed when it is evicted; nil until begin
	hasKey  bool           // guarded by handshakes.mu: of the server API
	whole   bool           // constant after begin: the head has been read
}

// RemoteAddr is right even for a peer that reset the connection before net.FileConn asked for its address.
func (c *handshake) RemoteAddr() net.Addr {
	if c.remote.IsValid() {
		return netpoll.PeerAddr{AddrPort: c.remote}
	}
	return c.TCPConn.RemoteAddr()
}

// Read gives the bytes that were read ahead, then those of the socket.
func (c *handshake) Read(b []byte) (int, error) {
	if len(c.read) > 0 {
		n := copy(b, c.read)
		if c.read = c.read[n:]; len(c.read) == 0 {
			c.read = nil
		}
		return n, nil
	}
	return c.TCPConn.Read(b)
}

func newHandshakes(log *slog.Logger, m *metrics.Metrics, max func() int) *handshakes {
	return &handshakes{
		log: log, metrics: m, max: max, release: func(*chat.Address) {},
		waiting: list.New(), answering: list.New(), flushing: list.New(), kept: list.New(),
		asking: list.New(), trusted: list.New(),
		byAddress: map[netip.Addr]int{},
	}
}

// watch adds how many there are to the metrics.
func (h *handshakes) watch(m *metrics.Metrics) {
	m.Gauge("throng_handshakes_pending", "Connections that have not finished their handshake.", func() float64 { return float64(h.count()) })
	m.Gauge("throng_http_answering", "HTTP requests of the public port that are being answered.",
		func() float64 { return float64(h.length(h.answering)) })
	m.Gauge("throng_http_kept", "Sockets of the public port whose HTTP request was answered, and that are kept for another.",
		func() float64 { return float64(h.length(h.flushing, h.kept)) })
}

// count is how many have not sent a whole request.
func (h *handshakes) count() int { return h.length(h.waiting) }

func (h *handshakes) length(lists ...*list.List) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range lists {
		n += l.Len()
	}
	return n
}

func (h *handshakes) totalLocked() int {
	return h.waiting.Len() + h.answering.Len() + h.flushing.Len() + h.kept.Len() + h.asking.Len() + h.trusted.Len()
}

// onState is the http.Server's ConnState.
func (h *handshakes) onState(nc net.Conn, state http.ConnState) {
	c := nc.(*handshake)
	if state != http.StateNew && state != http.StateActive {
		c.waits()
	}
	switch state {
	case http.StateActive:
		h.enter(c, h.answering)
	case http.StateIdle:
		h.enter(c, h.flushing)
	case http.StateHijacked, http.StateClosed:
		h.end(c)
	}
}

// begin is when c has been accepted, and its request is not there.
func (h *handshakes) begin(c *handshake) {
	c.owner, c.gone = h, make(chan struct{})
	h.enter(c, h.waiting)
	h.awaitClosing()
}

// enter moves c to where it belongs now, and closes whatever is then one too many.
func (h *handshakes) enter(c *handshake, to *list.List) {
	h.mu.Lock()
	if c.evicted {
		h.mu.Unlock()
		return
	}
	if c.hasKey && to != h.waiting {
		to = h.trusted
	}
	h.moveLocked(c, to)
	over, _ := h.overLocked(c)
	h.mu.Unlock()
	if over == nil {
		return
	}
	// Whoever's request has come already is let through first: on a busy core it may only not have been looked at.
	if !c.whole {
		runtime.Gosched()
	}
	h.mu.Lock()
	over, why := h.overLocked(c)
	was := h.dropLocked(over)
	h.mu.Unlock()
	h.evict(over, was, why)
}

// trust is called when the request of c has shown the key of the server API: no crowd of guests has it closed.
func (h *handshakes) trust(c *handshake) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.hasKey = true; c.at != nil {
		h.moveLocked(c, h.trusted)
	}
}

// asks is called when the application is asked about the handshake of c.
func (h *handshakes) asks(c *handshake) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.at != nil {
		h.moveLocked(c, h.asking)
	}
}

// progressed is when the peer of c has taken bytes of its answer.
func (h *handshakes) progressed(c *handshake) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.since = time.Now(); c.in == h.answering {
		h.answering.MoveToBack(c.at)
	}
}

// end is when c goes to the loop, or nothing more will come.
func (h *handshakes) end(c *handshake) {
	h.mu.Lock()
	was := h.endLocked(c)
	if c.evicted && !c.ended {
		c.ended = true
		h.closing--
	}
	h.mu.Unlock()
	h.giveBack(was.source)
}

// take is the place that c has counted for its address, for who goes on with its socket; nil where it has none.
func (h *handshakes) take(c *handshake) *chat.Address {
	if c == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	source := c.source
	c.source = nil
	return source
}

func (h *handshakes) giveBack(source *chat.Address) {
	if source != nil {
		h.release(source)
	}
}

func (h *handshakes) moveLocked(c *handshake, to *list.List) {
	h.leaveLocked(c)
	c.since, c.unsent, c.in, c.at = time.Now(), -1, to, to.PushBack(c)
	if to == h.waiting {
		h.byAddress[c.address]++
	}
}

func (h *handshakes) leaveLocked(c *handshake) {
	if c.at == nil {
		return
	}
	c.in.Remove(c.at)
	if c.in == h.waiting {
		if h.byAddress[c.address]--; h.byAddress[c.address] == 0 {
			delete(h.byAddress, c.address)
		}
	}
	c.in, c.at = nil, nil
}

// ended is what a socket was until it was forgotten. The caller of endLocked gives the source back, without mu.
type ended struct {
	source *chat.Address
	in     *list.List
}

// endLocked forgets c.
func (h *handshakes) endLocked(c *handshake) (was ended) {
	if c == nil {
		return was
	}
	was = ended{c.source, c.in}
	c.source = nil
	h.leaveLocked(c)
	return was
}
