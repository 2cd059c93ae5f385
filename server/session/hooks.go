package session

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
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/token"
	"github.com/throng-chat/throng/server/webhook"
	"github.com/throng-chat/throng/server/ws"
)

// Hooks is the application's say in what happens. A session asks off the loop, and its next command waits for the answer;
// where there is none the command fails. A nil *hooks asks and tells nothing.
type Hooks struct {
	Client    *webhook.Client
	events    []string
	Admitters *workers        // for connect and subscribe, of plain clients too: calls that take long hold up nobody who comes in
	Askers    *workers        // for publish and rpc
	Plain     *limiter.Places // of handshakes of plain clients that wait for the application
	Health    *hooksHealth
	log       *slog.Logger
	complaint rate.Sometimes

	Life context.Context // of every request
	End  context.CancelFunc
}

// What webhooks are sent for.
const (
	OnConnect    = "connect"
	OnSubscribe  = "subscribe"
	OnPublish    = "publish"
	OnRPC        = "rpc"
	OnDisconnect = "disconnect"
)

var AllEvents = []string{OnConnect, OnSubscribe, OnPublish, OnRPC, OnDisconnect}

// maxAsked is how many sessions may wait for their turn to ask, for each of the two kinds of workers; each has one command in memory. One waits for the time-out of
// an answer at most, and then for the answer.
const maxAsked = 4096

// HeldWish is what a room that connect wishes for takes while the command waits, in bytes, about: far more than in the command.
const HeldWish = 256

// HooksConfig is what hooks have to be told. It has the fields of WebhookConfig, so that one converts to the other.
type HooksConfig struct {
	URL     string        // empty for no webhooks
	Secret  string        // signs each request
	Events  []string      // of allEvents
	Timeout time.Duration // for one answer
}

// NewHooks is nil where no webhook is configured.
func NewHooks(cfg HooksConfig, log *slog.Logger, m *metrics.Metrics) (*Hooks, error) {
	if cfg.URL == "" {
		return nil, nil
	}
	h := &Hooks{
		events:    cfg.Events,
		Admitters: NewWorkers(webhook.MaxAdmitting, maxAsked, cfg.Timeout),
		Askers:    NewWorkers(webhook.MaxAsking, maxAsked, cfg.Timeout),
		Plain:     limiter.NewPlaces(MaxAskedPlain, true),
		Health:    newHooksHealth(cfg.Events),
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
	h.Client, err = webhook.New(webhook.Config{URL: cfg.URL, Secret: cfg.Secret, Timeout: cfg.Timeout}, log,
		func(event string, r webhook.Result, took time.Duration) {
			requests.WithLabelValues(event, string(r)).Inc()
			seconds.WithLabelValues(event).Observe(took.Seconds())
			h.Health.note(event, r, time.Now())
		})
	if err != nil {
		return nil, err
	}
	m.Registry.MustRegister(requests, seconds,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "throng_webhook_queue", Help: "Events that wait to be told to the application.",
		}, func() float64 { return float64(h.Client.Waiting()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "throng_webhook_waiting", Help: "Commands that wait for their turn to be asked about.",
		}, func() float64 { return float64(h.Waiting()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "throng_webhook_dropped_total", Help: "Events that the application was not told: the queue was full, or every attempt failed.",
		}, func() float64 { return float64(h.Client.Dropped()) }))
	h.Life, h.End = context.WithCancel(context.Background())
	return h, nil
}

// Run tells what is to be told, until stop.
func (h *Hooks) Run() {
	if h != nil {
		h.Client.Run(h.Life)
	}
}

// Flush tells what is left, for so long at most.
func (h *Hooks) Flush(limit time.Duration) {
	if h == nil {
		return
	}
	ctx, cancel := context.WithTimeout(h.Life, limit)
	defer cancel()
	h.Client.Flush(ctx)
}

// Stop ends every request, and waits for that. No session may ask any more.
func (h *Hooks) Stop() {
	if h != nil {
		h.End()
		h.Admitters.Wait()
		h.Askers.Wait()
	}
}

// wants says whether webhooks are sent for an event.
func (h *Hooks) wants(event string) bool { return h != nil && slices.Contains(h.events, event) }

func (h *Hooks) complain(event string, err error) {
	h.complaint.Do(func() {
		h.log.Warn("webhook failed; others may follow unnamed", "event", event, "error", err)
	})
}

// crowded says whether a command of a session that has to ask about an event would be refused now: it is refused before anything is
// spent on it.
func (h *Hooks) crowded(s *Session, event string) bool {
	return h.wants(event) && h.workersOf(event).Full(s.Conn.Household())
}

// workersOf asks about an event.
func (h *Hooks) workersOf(event string) *workers {
	if event == OnConnect || event == OnSubscribe {
		return h.Admitters
	}
	return h.Askers
}

// Waiting is how many commands and handshakes wait for their turn.
func (h *Hooks) Waiting() int { return h.Admitters.Length() + h.Askers.Length() }

// about is the beginning of every request.
func (s *Session) about(event string) *webhook.Request {
	r := &webhook.Request{Event: event, Client: s.Client, Transport: "websocket", Protocol: "protobuf", Meta: s.meta}
	if s.Encoding.IsJSON() {
		r.Protocol = "json"
	}
	if s.Info != nil {
		r.User = s.Info.User
	}
	return r
}

// ask asks the application, and then calls either allow with what it answers, or refuse with what the client is told. Neither
// is called where the connection is at its end by then, or by what the application says.
func (s *Session) ask(r *webhook.Request, allow func(*webhook.Answer), refuse func(*protocol.Error)) {
	h := s.Hub.Hooks
	s.Await(h.workersOf(r.Event), func() func() {
		answer, err := h.Client.Ask(h.Life, r)
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
	}, func() { refuse(ErrTooManyRequests) })
}

// askConnect asks whether the connection is let in, and as whom. What the answer says stands above what the token says.
func (s *Session) askConnect(id uint32, req *protocol.ConnectRequest, claims token.Claims) {
	asked := time.Now()
	r := s.about(OnConnect)
	r.User, r.Meta, r.Data, r.Name, r.Version = claims.User, claims.Meta, req.Data, req.Name, req.Version
	r.Channels = slices.Sorted(maps.Keys(req.Subs))
	s.underWay += len(req.Subs) * HeldWish
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
		s.State = refused
	})
}

// askSubscribe asks whether the session is let into a room that its permissions let it into.
func (s *Session) askSubscribe(id uint32, e *Entry) {
	r := s.about(OnSubscribe)
	r.Channel, r.Token, r.Data = e.Wish.Channel, e.Wish.Token, e.Wish.Data
	s.entering = e
	s.ask(r, func(a *webhook.Answer) {
		s.entering = nil
		// Much may have changed since.
		if e.ended {
			s.fail(id, ErrDenied)
			return
		}
		if err := s.mayEnter(e); err != nil {
			s.refuse(id, err)
			return
		}
		e.Info = s.InfoIn(e.Info.ChanInfo)
		if a.Info != nil {
			e.Info = s.InfoIn(a.Info)
		}
		if a.Data != nil {
			s.draw(len(a.Data))
			e.data = AsJSON(a.Data)
		}
		if !a.ExpireAt.IsZero() {
			e.expires = ExpiryOf(a.ExpireAt)
			if e.withToken {
				e.ttl = Ttl(a.ExpireAt)
			}
		}
		s.enterRoom(id, e)
	}, func(err *protocol.Error) {
		s.entering = nil
		s.refuse(id, err)
	})
}

// askPublish asks whether something is said in a room, and what. If it is refused, the fee is given back.
func (s *Session) askPublish(id uint32, req *protocol.PublishRequest, pub chat.Publication, f fee) {
	refuse := func(e *protocol.Error) {
		s.giveBack(f)
		s.refuse(id, e)
	}
	r := s.about(OnPublish)
	r.Channel, r.Data = req.Channel, req.Data
	s.ask(r, func(a *webhook.Answer) {
		// Much may have changed since.
		in := s.viewOf(req.Channel)
		if e := s.Hub.Admit(s.in(in), in, len(req.Data)); e != nil {
			refuse(ErrorOf(e))
			return
		}
		said := pub
		if a.Data != nil {
			var ok bool
			if said, ok = OfSDK(a.Data); !ok {
				s.Hub.Hooks.complain(OnPublish, errTooDeep)
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
func (s *Session) askRPC(id uint32, req *protocol.RPCRequest) {
	if !s.Hub.Hooks.wants(OnRPC) {
		s.fail(id, ErrNotAvailable)
		return
	}
	if s.overdrawn() {
		s.refuse(id, ErrTooManyRequests)
		return
	}
	r := s.about(OnRPC)
	r.Method, r.Data = req.Method, req.Data
	s.ask(r, func(a *webhook.Answer) {
		s.draw(len(a.Data))
		if s.Encoding.IsJSON() {
			a.Data = AsJSON(a.Data)
		}
		s.Reply(&protocol.Reply{Id: id, Rpc: &protocol.RPCResult{Data: a.Data}})
	}, func(e *protocol.Error) { s.refuse(id, e) })
}

// send passes on what wants no reply: an rpc without a method. An error is counted, and that is all.
func (s *Session) send(req *protocol.SendRequest) {
	if !s.Hub.Hooks.wants(OnRPC) {
		s.dismiss(disconnectNotAvailable) // there is no reply to tell it by
		return
	}
	r := s.about(OnRPC)
	r.Data = req.Data
	s.ask(r, func(*webhook.Answer) {}, func(e *protocol.Error) {
		s.Hub.Metrics.CommandErrors.WithLabelValues(ErrorLabel(e)).Inc()
		s.refuse(0, e)
	})
}

// TellDisconnect tells the application of a connection that was somebody's and is no more.
func (s *Session) TellDisconnect() {
	h := s.Hub.Hooks
	if s.State != Connected || !h.wants(OnDisconnect) {
		return
	}
	r := s.about(OnDisconnect)
	r.Code, r.Reason = uint16(ws.CloseAbnormal), fanout.Reason(s.Conn.Reason.Load()).String()
	if f := s.Farewell.Load(); f != nil {
		r.Code = uint16(f.Code)
		if f.Text != "" {
			r.Reason = f.Text
		}
	}
	r.Seconds = (time.Duration(s.Hub.Clock.Tick()-s.Conn.Since) * fanout.TickLength).Seconds()
	h.Client.Tell(r)
}
