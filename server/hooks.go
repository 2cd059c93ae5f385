package server

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/centrifugal/protocol"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/token"
	"github.com/throng-chat/throng/server/webhook"
	"github.com/throng-chat/throng/server/ws"
)

// hooks is the application's say in what happens. A session asks off the loop, and its next command waits for the answer;
// where there is none the command fails. A nil *hooks asks and tells nothing.
type hooks struct {
	client    *webhook.Client
	events    []string
	admitters *workers // for connect and subscribe, of plain clients too: calls that take long hold up nobody who comes in
	askers    *workers // for publish and rpc
	plain     *places  // of handshakes of plain clients that wait for the application
	health    *hooksHealth
	log       *slog.Logger
	complaint rate.Sometimes

	life context.Context // of every request
	end  context.CancelFunc
}

// What webhooks are sent for.
const (
	onConnect    = "connect"
	onSubscribe  = "subscribe"
	onPublish    = "publish"
	onRPC        = "rpc"
	onDisconnect = "disconnect"
)

var allEvents = []string{onConnect, onSubscribe, onPublish, onRPC, onDisconnect}

// maxAsked is how many sessions may wait for their turn to ask, for each of the two kinds of workers; each has one command in memory. One waits for the time-out of
// an answer at most, and then for the answer.
const maxAsked = 4096

// heldWish is what a room that connect wishes for takes while the command waits, in bytes, about: far more than in the command.
const heldWish = 256

// hooksConfig is what hooks have to be told. It has the fields of WebhookConfig, so that one converts to the other.
type hooksConfig struct {
	URL     string        // empty for no webhooks
	Secret  string        // signs each request
	Events  []string      // of allEvents
	Timeout time.Duration // for one answer
}

// newHooks is nil where no webhook is configured.
func newHooks(cfg hooksConfig, log *slog.Logger, m *metrics.Metrics) (*hooks, error) {
	if cfg.URL == "" {
		return nil, nil
	}
	h := &hooks{
		events:    cfg.Events,
		admitters: newWorkers(webhook.MaxAdmitting, maxAsked, cfg.Timeout),
		askers:    newWorkers(webhook.MaxAsking, maxAsked, cfg.Timeout),
		plain:     newPlaces(maxAskedPlain, true),
		health:    newHooksHealth(cfg.Events),
		log:       log,
		complaint: logqueue.EverySecond(),
	}
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "throng_webhook_requests_total", Help: "Requests to the application, each attempt, by event and by what came of it.",
	}, []string{"event", "result"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "throng_webhook_seconds", Help: "How long requests to the application took, by event.",
		Buckets: prometheus.ExponentialBuckets(0.001, 2, 16), // 1 ms to 33 s
	}, []string{"event"})
	for _, event := range cfg.Events {
		for _, result := range webhook.Results {
			requests.WithLabelValues(event, string(result))
		}
		seconds.WithLabelValues(event)
	}
	var err error
	h.client, err = webhook.New(webhook.Config{URL: cfg.URL, Secret: cfg.Secret, Timeout: cfg.Timeout}, log,
		func(event string, r webhook.Result, took time.Duration) {
			requests.WithLabelValues(event, string(r)).Inc()
			seconds.WithLabelValues(event).Observe(took.Seconds())
			h.health.note(event, r, time.Now())
		})
	if err != nil {
		return nil, err
	}
	m.Registry.MustRegister(requests, seconds,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "throng_webhook_queue", Help: "Events that wait to be told to the application.",
		}, func() float64 { return float64(h.client.Waiting()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "throng_webhook_waiting", Help: "Commands that wait for their turn to be asked about.",
		}, func() float64 { return float64(h.waiting()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "throng_webhook_dropped_total", Help: "Events that the application was not told: the queue was full, or every attempt failed.",
		}, func() float64 { return float64(h.client.Dropped()) }))
	h.life, h.end = context.WithCancel(context.Background())
	return h, nil
}

// run tells what is to be told, until stop.
func (h *hooks) run() {
	if h != nil {
		h.client.Run(h.life)
	}
}

// flush tells what is left, for so long at most.
func (h *hooks) flush(limit time.Duration) {
	if h == nil {
		return
	}
	ctx, cancel := context.WithTimeout(h.life, limit)
	defer cancel()
	h.client.Flush(ctx)
}

// stop ends every request, and waits for that. No session may ask any more.
func (h *hooks) stop() {
	if h != nil {
		h.end()
		h.admitters.wait()
		h.askers.wait()
	}
}

// wants says whether webhooks are sent for an event.
func (h *hooks) wants(event string) bool { return h != nil && slices.Contains(h.events, event) }

func (h *hooks) complain(event string, err error) {
	h.complaint.Do(func() {
		h.log.Warn("webhook failed; others may follow unnamed", "event", event, "error", err)
	})
}

// crowded says whether a command of a session that has to ask about an event would be refused now: it is refused before anything is
// spent on it.
func (h *hooks) crowded(s *session, event string) bool {
	return h.wants(event) && h.workersOf(event).full(s.conn.Household())
}

// workersOf asks about an event.
func (h *hooks) workersOf(event string) *workers {
	if event == onConnect || event == onSubscribe {
		return h.admitters
	}
	return h.askers
}

// waiting is how many commands and handshakes wait for their turn.
func (h *hooks) waiting() int { return h.admitters.length() + h.askers.length() }

// about is the beginning of every request.
func (s *session) about(event string) *webhook.Request {
	r := &webhook.Request{Event: event, Client: s.client, Transport: "websocket", Protocol: "protobuf", Meta: s.meta}
	if s.encoding.isJSON() {
		r.Protocol = "json"
	}
	if s.info != nil {
		r.User = s.info.User
	}
	return r
}

// ask asks the application, and then calls either allow with what it answers, or refuse with what the client is told. Neither
// is called where the connection is at its end by then, or by what the application says.
func (s *session) ask(r *webhook.Request, allow func(*webhook.Answer), refuse func(*protocol.Error)) {
	h := s.hub.hooks
	s.await(h.workersOf(r.Event), func() func() {
		answer, err := h.client.Ask(h.life, r)
		return func() {
			switch {
			case err != nil:
				h.complain(r.Event, err)
				refuse(errInternal)
			case answer.Disconnect != nil:
				s.dismiss(disconnect{fanout.ClosedByApplication, ws.CloseCode(answer.Disconnect.Code), answer.Disconnect.Reason})
			case answer.Error != nil:
				refuse(&protocol.Error{Code: answer.Error.Code, Message: answer.Error.Message, Temporary: answer.Error.Temporary})
			case !answer.ExpireAt.IsZero() && !time.Now().Before(answer.ExpireAt):
				refuse(errTokenExpired)
			default:
				allow(answer)
			}
		}
	}, func() { refuse(errTooManyRequests) })
}

// askConnect asks whether the connection is let in, and as whom. What the answer says stands above what the token says.
func (s *session) askConnect(id uint32, req *protocol.ConnectRequest, claims token.Claims) {
	asked := time.Now()
	r := s.about(onConnect)
	r.User, r.Meta, r.Data, r.Name, r.Version = claims.User, claims.Meta, req.Data, req.Name, req.Version
	r.Channels = slices.Sorted(maps.Keys(req.Subs))
	s.underWay += len(req.Subs) * heldWish
	s.beginAsking()
	s.ask(r, func(a *webhook.Answer) {
		if a.User != "" {
			claims.User = a.User
		}
		if a.Info != nil {
			claims.Info = a.Info
		}
		if a.Meta != nil {
			claims.Meta = a.Meta
		}
		if !a.ExpireAt.IsZero() {
			claims.Expires = a.ExpireAt
		}
		if req.Token == "" {
			claims.IssuedAt = asked // as a token made for this connection
		}
		s.enter(id, req, claims, a)
	}, func(e *protocol.Error) {
		s.endAsking()
		s.fail(id, e)
		s.state = refused
	})
}

// askSubscribe asks whether the session is let into a room that its permissions let it into.
func (s *session) askSubscribe(id uint32, e *entry) {
	r := s.about(onSubscribe)
	r.Channel, r.Token, r.Data = e.wish.Channel, e.wish.Token, e.wish.Data
	s.entering = e
	s.ask(r, func(a *webhook.Answer) {
		s.entering = nil
		// Much may have changed since.
		if e.ended {
			s.fail(id, errDenied)
			return
		}
		if err := s.mayEnter(e); err != nil {
			s.refuse(id, err)
			return
		}
		e.info = s.infoIn(e.info.ChanInfo)
		if a.Info != nil {
			e.info = s.infoIn(a.Info)
		}
		if a.Data != nil {
			s.draw(len(a.Data))
			e.data = asJSON(a.Data)
		}
		if !a.ExpireAt.IsZero() {
			e.expires = expiryOf(a.ExpireAt)
			if e.withToken {
				e.ttl = ttl(a.ExpireAt)
			}
		}
		s.enterRoom(id, e)
	}, func(err *protocol.Error) {
		s.entering = nil
		s.refuse(id, err)
	})
}

// askPublish asks whether something is said in a room, and what. If it is refused, the fee is given back.
func (s *session) askPublish(id uint32, req *protocol.PublishRequest, pub chat.Publication, f fee) {
	refuse := func(e *protocol.Error) {
		s.giveBack(f)
		s.refuse(id, e)
	}
	r := s.about(onPublish)
	r.Channel, r.Data = req.Channel, req.Data
	s.ask(r, func(a *webhook.Answer) {
		// Much may have changed since.
		in := s.viewOf(req.Channel)
		if e := s.hub.Admit(s.in(in), in, len(req.Data)); e != nil {
			refuse(errorOf(e))
			return
		}
		said := pub
		if a.Data != nil {
			var ok bool
			if said, ok = chat.OfSDK(a.Data); !ok {
				s.hub.hooks.complain(onPublish, chat.ErrTooDeep)
				refuse(errInternal)
				return
			}
			said.Info = pub.Info
		}
		said.Tags = a.Tags
		s.say(id, in, said, chat.SayOptions{SkipHistory: a.SkipHistory})
	}, refuse)
}

// askRPC has the application do what the client asks for.
func (s *session) askRPC(id uint32, req *protocol.RPCRequest) {
	if !s.hub.hooks.wants(onRPC) {
		s.fail(id, errNotAvailable)
		return
	}
	if s.overdrawn() {
		s.refuse(id, errTooManyRequests)
		return
	}
	r := s.about(onRPC)
	r.Method, r.Data = req.Method, req.Data
	s.ask(r, func(a *webhook.Answer) {
		s.draw(len(a.Data))
		if s.encoding.isJSON() {
			a.Data = asJSON(a.Data)
		}
		s.reply(&protocol.Reply{Id: id, Rpc: &protocol.RPCResult{Data: a.Data}})
	}, func(e *protocol.Error) { s.refuse(id, e) })
}

// send passes on what wants no reply: an rpc without a method. An error is counted, and that is all.
func (s *session) send(req *protocol.SendRequest) {
	if !s.hub.hooks.wants(onRPC) {
		s.dismiss(disconnectNotAvailable) // there is no reply to tell it by
		return
	}
	r := s.about(onRPC)
	r.Data = req.Data
	s.ask(r, func(*webhook.Answer) {}, func(e *protocol.Error) {
		s.hub.Metrics.CommandErrors.WithLabelValues(errorLabel(e)).Inc()
		s.refuse(0, e)
	})
}

// tellDisconnect tells the application of a connection that was somebody's and is no more.
func (s *session) tellDisconnect() {
	h := s.hub.hooks
	if s.state != connected || !h.wants(onDisconnect) {
		return
	}
	r := s.about(onDisconnect)
	r.Code, r.Reason = uint16(ws.CloseAbnormal), fanout.Reason(s.conn.Reason.Load()).String()
	if f := s.farewell.Load(); f != nil {
		r.Code = uint16(f.code)
		if f.text != "" {
			r.Reason = f.text
		}
	}
	r.Seconds = (time.Duration(s.hub.Clock.Tick()-s.conn.Since) * fanout.TickLength).Seconds()
	h.client.Tell(r)
}
