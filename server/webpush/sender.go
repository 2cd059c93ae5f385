package webpush

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Limits of a Sender.
const (
	pushSenders       = 16       // messages sent at a time
	maxPushQueue      = 8192     // messages that wait, those that wait for a repetition among them
	maxPushQueueBytes = 16 << 20 // bytes of these messages
	maxPushAttempts   = 4        // per message
	pushTimeout       = 10 * time.Second

	// The pauses between the attempts, unless the push service asks for another one.
	firstPause   = 2 * time.Second
	longestPause = 60 * time.Second
)

// MaxFiles is the number of sockets that a Sender opens at most.
const MaxFiles = 2 * pushSenders // in use, and idle

// Config has the settings of a Sender.
type Config struct {
	Keys     *Keys
	Subject  string // contact of the operator: a mailto: or https: URL
	Services Services
	TTL      time.Duration  // how long a push service keeps a message for a browser that is offline
	Roots    *x509.CertPool // of the certificates of push services; nil for those of the system
}

// Message is one message for one browser.
type Message struct {
	To      *Subscription
	Payload []byte // at most MaxPayload bytes
	Urgent  bool   // urgency "high", which wakes a phone; else "normal"
	Gone    func() // called if the subscription has ended, on a goroutine of Run. It must not block
}

// bytes returns the size of a message in the queue.
func (m *Message) bytes() int { return len(m.Payload) + m.To.Bytes() }

// Sender sends messages to push services. Any goroutine may call its methods.
type Sender struct {
	// Constant after NewSender.
	cfg     Config
	signer  signer
	http    *http.Client
	log     *slog.Logger
	observe func(Result)
	now     func() time.Time

	queue    chan *attempt
	pending  atomic.Int64 // messages that are neither delivered nor dropped
	bytes    atomic.Int64 // of these
	dropped  atomic.Uint64
	ended    atomic.Bool
	logLimit rate.Sometimes

	mu       sync.Mutex // a leaf
	later    []*attempt // that wait for their repetition
	flushing bool       // no message waits for a repetition from then on
}

// attempt is a message with its next attempt.
type attempt struct {
	Message
	number int // from 1
	due    time.Time
}

// NewSender returns a Sender without open connections. After each attempt it calls observe, on any goroutine; observe must not block.
func NewSender(cfg Config, log *slog.Logger, observe func(Result)) *Sender {
	return &Sender{
		cfg:      cfg,
		signer:   signer{keys: cfg.Keys, subject: cfg.Subject, tokens: map[string]vapidToken{}},
		http:     newHTTP(cfg),
		log:      log,
		observe:  observe,
		now:      time.Now,
		queue:    make(chan *attempt, maxPushQueue),
		logLimit: rate.Sometimes{Interval: time.Second},
	}
}

// newHTTP returns a client for requests to push services.
func newHTTP(cfg Config) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            newDialer(pushTimeout, cfg.Services.private).DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: cfg.Roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    pushTimeout,
			MaxConnsPerHost:        pushSenders,
			MaxIdleConns:           pushSenders,
			MaxIdleConnsPerHost:    pushSenders,
			IdleConnTimeout:        90 * time.Second,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxResponse,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Send queues a message. It is delivered, after a lost response also twice, or dropped and counted: if the queue is full, or after the last
// attempt. Send does not block.
func (s *Sender) Send(m Message) {
	waiting := s.pending.Add(1)
	if s.bytes.Add(int64(m.bytes())) > maxPushQueueBytes || waiting > maxPushQueue || s.ended.Load() {
		s.drop(&attempt{Message: m}, "queue of Web Push is full (8,192 messages or 16 MiB)")
		return
	}
	s.queue <- &attempt{Message: m, number: 1} // it has room: all pending messages fit
}

// Waiting returns the number of messages that are neither delivered nor dropped.
func (s *Sender) Waiting() int { return int(s.pending.Load()) }

// Dropped returns the number of messages that were not delivered.
func (s *Sender) Dropped() uint64 { return s.dropped.Load() }

// drop removes a message that is not delivered.
func (s *Sender) drop(a *attempt, why string) {
	s.dropped.Add(1)
	s.logLimit.Do(func() {
		s.log.Warn("Web Push message dropped; logged at most once per second", "service", a.To.host(), "error", why)
	})
	s.release(a)
}

func (s *Sender) release(a *attempt) {
	s.bytes.Add(int64(-a.bytes()))
	s.pending.Add(-1)
}

// Run sends messages until ctx is done, and returns after its goroutines have ended. It drops the rest of the queue.
func (s *Sender) Run(ctx context.Context) {
	var all sync.WaitGroup
	for range pushSenders {
		all.Go(func() { s.sendAll(ctx) })
	}
	all.Go(func() { s.repeatAll(ctx) })
	all.Wait()
	s.ended.Store(true)
	s.requeue(true)
	for {
		select {
		case a := <-s.queue:
			s.drop(a, "throng stops")
		default:
			s.http.CloseIdleConnections()
			return
		}
	}
}

func (s *Sender) sendAll(ctx context.Context) {
	for {
		select {
		case a := <-s.queue:
			s.deliver(ctx, a)
		case <-ctx.Done():
			return
		}
	}
}

// repeatAll queues the messages whose pause has ended.
func (s *Sender) repeatAll(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.requeue(false)
		case <-ctx.Done():
			return
		}
	}
}

// requeue queues the messages whose pause has ended; all that wait for a repetition if flush is set, and from then on none waits.
func (s *Sender) requeue(flush bool) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushing = s.flushing || flush
	kept := s.later[:0]
	for _, a := range s.later {
		if s.flushing || !now.Before(a.due) {
			s.queue <- a // it has room: all pending messages fit
		} else {
			kept = append(kept, a)
		}
	}
	clear(s.later[len(kept):])
	s.later = kept
}

// Flush waits until no message is left or ctx is done. From its call on, each message has one more attempt, without a pause.
func (s *Sender) Flush(ctx context.Context) {
	s.requeue(true)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for s.pending.Load() > 0 {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// deliver makes one attempt to send a message. Then the message is delivered, dropped, or waits for its repetition.
func (s *Sender) deliver(ctx context.Context, a *attempt) {
	r := s.post(ctx, &a.Message)
	s.observe(r.result)
	switch {
	case r.result == OK:
		s.release(a)
	case r.result == Gone:
		if a.Gone != nil {
			a.Gone()
		}
		s.release(a)
	case r.final || a.number == maxPushAttempts || ctx.Err() != nil:
		s.drop(a, r.cause.Error())
	case !s.repeatLater(a, r.pause):
		s.drop(a, r.cause.Error())
	}
}

// repeatLater stores a message for its next attempt. It returns false after Flush.
func (s *Sender) repeatLater(a *attempt, pause time.Duration) bool {
	if pause == 0 {
		pause = firstPause << (2 * (a.number - 1)) // 2 s, 8 s, 32 s
	}
	a.number++
	a.due = s.now().Add(min(pause, longestPause))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flushing {
		return false
	}
	s.later = append(s.later, a)
	return true
}
