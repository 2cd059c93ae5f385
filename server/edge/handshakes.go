package edge

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

// Handshakes bounds the sockets of the public port that are not in the loop, in number and in time: each costs a goroutine or
// two and several KB, against 1 KB in the loop. When there is one too many, the least useful is closed: who sends a request at
// once, and reads the answer, is never hurt by who does not.
type Handshakes struct {
	log     *slog.Logger
	metrics *metrics.Metrics
	max     func() int          // how many there may be now, whatever they do
	Release func(*chat.Address) // gives back what a socket counted for its address; called without mu

	Mu        sync.Mutex
	Waiting   *list.List         // of *handshake: no whole request yet, the oldest first
	Answering *list.List         // a request is being answered, the one without progress for the longest time first
	Flushing  *list.List         // answered, and the kernel still holds bytes that the peer has not taken; in the order of the answers
	Kept      *list.List         // for another request, the oldest first
	Asking    *list.List         // a handshake about which the application is asked, which bounds their number; the oldest first
	Trusted   *list.List         // as answering and kept, of callers with the server API's key; closed last
	byAddress map[netip.Addr]int // of those waiting
	Closing   int                // evicted, and the descriptor is not free yet
}

// Handshake is a connection on its way to its first request, or that net/http answers requests of.
type Handshake struct {
	*net.TCPConn
	peer      netip.Addr
	Remote    netip.AddrPort // peer and its port
	Address   netip.Addr     // what counts as one; the zero Addr for a proxy, which comes for many
	ReadAhead []byte         // bytes of the request that were read ahead of net/http
	Owner     *Handshakes    // nil until begin
	gate      chan struct{}  // of those at work; constant from Accept on
	resting   atomic.Bool    // its place is given back
	until     time.Time      // by which an answer must be written; owned by the goroutine that writes
	Source    *chat.Address  // guarded by handshakes.mu; nil where it does not count
	in        *list.List     // guarded by handshakes.mu
	At        *list.Element  // guarded by handshakes.mu; nil when in none
	Since     time.Time      // guarded by handshakes.mu: of its last change or progress
	Unsent    int            // guarded by handshakes.mu: bytes that the kernel held at the last look, while flushing
	evicted   bool           // guarded by handshakes.mu
	ended     bool           // guarded by handshakes.mu: after it was evicted
	gone      chan struct{}  // closed when it is evicted; nil until begin
	hasKey    bool           // guarded by handshakes.mu: of the server API
	Whole     bool           // constant after begin: the head has been read
}

// RemoteAddr is right even for a peer that reset the connection before net.FileConn asked for its address.
func (c *Handshake) RemoteAddr() net.Addr {
	if c.Remote.IsValid() {
		return netpoll.PeerAddr{AddrPort: c.Remote}
	}
	return c.TCPConn.RemoteAddr()
}

// Read gives the bytes that were read ahead, then those of the socket.
func (c *Handshake) Read(b []byte) (int, error) {
	if len(c.ReadAhead) > 0 {
		n := copy(b, c.ReadAhead)
		if c.ReadAhead = c.ReadAhead[n:]; len(c.ReadAhead) == 0 {
			c.ReadAhead = nil
		}
		return n, nil
	}
	return c.TCPConn.Read(b)
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

// OnState is the http.Server's ConnState.
func (h *Handshakes) OnState(nc net.Conn, state http.ConnState) {
	c := nc.(*Handshake)
	if state != http.StateNew && state != http.StateActive {
		c.waits()
	}
	switch state {
	case http.StateActive:
		h.Enter(c, h.Answering)
	case http.StateIdle:
		h.Enter(c, h.Flushing)
	case http.StateHijacked, http.StateClosed:
		h.End(c)
	}
}

// Begin is when c has been accepted, and its request is not there.
func (h *Handshakes) Begin(c *Handshake) {
	c.Owner, c.gone = h, make(chan struct{})
	h.Enter(c, h.Waiting)
	h.AwaitClosing()
}

// Enter moves c to where it belongs now, and closes whatever is then one too many.
func (h *Handshakes) Enter(c *Handshake, to *list.List) {
	h.Mu.Lock()
	if c.evicted {
		h.Mu.Unlock()
		return
	}
	if c.hasKey && to != h.Waiting {
		to = h.Trusted
	}
	h.MoveLocked(c, to)
	over, _ := h.overLocked(c)
	h.Mu.Unlock()
	if over == nil {
		return
	}
	// Whoever's request has come already is let through first: on a busy core it may only not have been looked at.
	if !c.Whole {
		runtime.Gosched()
	}
	h.Mu.Lock()
	over, why := h.overLocked(c)
	was := h.dropLocked(over)
	h.Mu.Unlock()
	h.evict(over, was, why)
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

// ended is what a socket was until it was forgotten. The caller of endLocked gives the source back, without mu.
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
