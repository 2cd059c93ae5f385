//go:build !nonats

package natsbroker

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/throng-chat/throng/server/broker"
)

// Limits of messages between nodes.
const (
	maxOutgoing = 64 << 20 // bytes that wait for the server
	maxIncoming = 64 << 20 // bytes that wait for the receiver
	maxArriving = 1 << 14  // messages between the connection and the queue of those
)

// mailbox sends and receives the messages between nodes. A message beyond a limit is lost: its receiver notices by the numbers in the
// messages, or by Lost.
type mailbox struct {
	engine *engine
	prefix string

	started time.Time
	dropped atomic.Uint64 // messages beyond a limit
	echo    atomic.Int64  // time since started at which the newest message of this node to all came back; 0: none since the connection

	mu      sync.Mutex // a leaf
	conn    *nats.Conn // nil: the server starts
	queue   []outgoing
	bytes   int
	receive func(from broker.NodeID, b []byte)
	lost    func()
	missed  bool        // lost is to be called
	arrived []*nats.Msg // for receive
	waiting int         // bytes of these

	wake chan struct{} // something is in the queue
	hear chan struct{} // receive or lost was set, or messages have arrived or were lost
}

// outgoing is a message in the queue.
type outgoing struct {
	subject string
	b       []byte
}

func newMailbox(e *engine) *mailbox {
	return &mailbox{
		engine: e, prefix: "throng." + e.options.Cluster + ".", started: time.Now(),
		wake: make(chan struct{}, 1), hear: make(chan struct{}, 1),
	}
}

func (e *engine) Send(to broker.NodeID, b []byte) {
	if e.mail != nil {
		e.mail.post("node."+string(to), b)
	}
}

func (e *engine) Broadcast(b []byte) {
	if e.mail != nil {
		e.mail.post("all", b)
	}
}

// Receive is never called back on one node.
func (e *engine) Receive(f func(from broker.NodeID, b []byte)) {
	if e.mail != nil {
		e.mail.mu.Lock()
		e.mail.receive = f
		e.mail.mu.Unlock()
		signal(e.mail.hear)
	}
}

// Lost is never called back on one node.
func (e *engine) Lost(f func()) {
	if e.mail != nil {
		e.mail.mu.Lock()
		e.mail.lost = f
		e.mail.mu.Unlock()
		signal(e.mail.hear)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// post queues a message.
func (ma *mailbox) post(to string, b []byte) {
	ma.mu.Lock()
	defer ma.mu.Unlock()
	if ma.bytes+len(b) > maxOutgoing {
		ma.dropped.Add(1)
		return
	}
	ma.bytes += len(b)
	ma.queue = append(ma.queue, outgoing{ma.prefix + to, b})
	signal(ma.wake)
}

// miss notes that messages to this node may be lost.
func (ma *mailbox) miss() {
	ma.mu.Lock()
	defer ma.mu.Unlock()
	ma.missed = true
	signal(ma.hear)
}

// connect receives messages by a new instance. One channel has those of both subjects, so they stay in the order in which they were sent.
func (ma *mailbox) connect(i *instance) {
	arriving := make(chan *nats.Msg, maxArriving)
	for _, subject := range []string{"all", "node." + string(ma.engine.self)} {
		if _, err := i.conn.ChanSubscribe(ma.prefix+subject, arriving); err != nil {
			i.fail(i.classify("receive the messages of other nodes", err))
			return
		}
	}
	go ma.take(arriving, i.down.Done())
	ma.echo.Store(0)
	ma.mu.Lock()
	ma.conn = i.conn
	ma.mu.Unlock()
	ma.miss()
}

// take moves messages into the queue for receive, until the end of the instance. It does not wait for receive, so the channel stays nearly empty.
func (ma *mailbox) take(arriving <-chan *nats.Msg, down <-chan struct{}) {
	for {
		select {
		case <-down:
			return
		case m := <-arriving:
			ma.arrive(m)
		}
	}
}

// echoTimeout is the time after which a message to all nodes that has not come back shows that NATS does not pass messages. A node sends a heartbeat each
// 0.3 s.
const echoTimeout = 1200 * time.Millisecond

// unheard returns an error if an external server does not pass the messages of this node. The connection may need seconds to notice that.
func (ma *mailbox) unheard() error {
	if ma == nil || ma.engine.options.External == nil {
		return nil
	}
	echo := time.Duration(ma.echo.Load())
	if silence := time.Since(ma.started) - echo; echo > 0 && silence > echoTimeout {
		return fmt.Errorf("NATS: no message has passed for %s: %w", silence.Round(100*time.Millisecond), broker.ErrUnavailable)
	}
	return nil
}

// run sends the queued messages until the engine closes.
func (ma *mailbox) run() {
	for {
		select {
		case <-ma.engine.closing:
			return
		case <-ma.wake:
		}
		ma.mu.Lock()
		queue, conn := ma.queue, ma.conn
		ma.queue, ma.bytes = nil, 0
		ma.mu.Unlock()
		if conn == nil {
			continue
		}
		for _, o := range queue {
			m := nats.NewMsg(o.subject)
			m.Reply, m.Data = string(ma.engine.self), o.b
			if err := conn.PublishMsg(m); err != nil {
				break // the instance has failed, and is replaced
			}
		}
	}
}

// arrive queues a message for receive, unless too many wait.
func (ma *mailbox) arrive(m *nats.Msg) {
	if broker.NodeID(m.Reply) == ma.engine.self {
		ma.echo.Store(int64(time.Since(ma.started)))
		return
	}
	ma.mu.Lock()
	defer ma.mu.Unlock()
	switch {
	case ma.receive == nil:
		ma.missed = true
	case ma.waiting+len(m.Data) > maxIncoming:
		ma.missed = true
		ma.dropped.Add(1)
	default:
		ma.arrived = append(ma.arrived, m)
		ma.waiting += len(m.Data)
	}
	signal(ma.hear)
}

// deliver calls receive and lost until the engine closes.
func (ma *mailbox) deliver() {
	for {
		select {
		case <-ma.engine.closing:
			return
		case <-ma.hear:
		}
		ma.mu.Lock()
		arrived, receive := ma.arrived, ma.receive
		ma.arrived = nil
		ma.mu.Unlock()
		for _, m := range arrived {
			receive(broker.NodeID(m.Reply), m.Data)
			ma.mu.Lock()
			ma.waiting -= len(m.Data)
			ma.mu.Unlock()
		}
		ma.report()
	}
}

// report calls lost if messages may be lost.
func (ma *mailbox) report() {
	ma.mu.Lock()
	lost, missed := ma.lost, ma.missed
	ma.missed = missed && lost == nil
	ma.mu.Unlock()
	if lost != nil && missed {
		lost()
	}
}
