package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/notify"
	"github.com/throng-chat/throng/server/webhook"
	"github.com/throng-chat/throng/server/webpush"
)

// maxNoticeQueue is the number of queued event notifications, or of messages of Web Push, from which on users wait and gather. It leaves the larger
// part of the queue to other events.
const maxNoticeQueue = 4096

// Notices notifies members of chat rooms by the webhook event notify and by Web Push. It is what the notifier reads, and where it sends to.
type Notices struct {
	*notify.Notifier // constant
	hub              *chat.Hub
	hooks            *Hooks

	// Constant after UsePush.
	push     *webpush.Sender // nil: Web Push is off
	services webpush.Services
	pushKey  string // public
}

// NewNotices returns Notices without Web Push. Call Run.
func NewNotices(h *chat.Hub, hooks *Hooks) *Notices {
	outcomes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "throng_notify_total", Help: "Users and rooms with new messages, by outcome.",
	}, []string{"outcome"})
	for o := range notify.Outcomes {
		outcomes.WithLabelValues(o.String())
	}
	no := &Notices{hub: h, hooks: hooks}
	no.Notifier = notify.New(no, no, h.Log, func(o notify.Outcome, n int) { outcomes.WithLabelValues(o.String()).Add(float64(n)) })
	h.Metrics.Registry.MustRegister(outcomes, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "throng_notify_waiting", Help: "Users and rooms that wait for a notification.",
	}, func() float64 { return float64(no.Waiting()) }))
	h.CollectNotices(no.on())
	return no
}

// UsePush turns Web Push on. Call it before Run.
func (no *Notices) UsePush(cfg webpush.Config) {
	results := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "throng_web_push_requests_total", Help: "Attempts of Web Push messages, by result.",
	}, []string{"result"})
	for _, r := range webpush.Results {
		results.WithLabelValues(string(r))
	}
	no.services, no.pushKey = cfg.Services, cfg.Keys.Public()
	no.hub.CollectNotices(true)
	no.push = webpush.NewSender(cfg, no.hub.Log, func(r webpush.Result) { results.WithLabelValues(string(r)).Inc() })
	no.hub.Metrics.Registry.MustRegister(results,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "throng_web_push_queue", Help: "Web Push messages in the queue.",
		}, func() float64 { return float64(no.push.Waiting()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "throng_web_push_dropped_total", Help: "Web Push messages dropped because the queue was full, or the push service did not accept them.",
		}, func() float64 { return float64(no.push.Dropped()) }))
}

// Run notifies until ctx is done.
func (no *Notices) Run(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { no.Notifier.Run(ctx) })
	if no.push != nil {
		all.Go(func() { no.push.Run(ctx) })
	}
	all.Wait()
}

// FlushPush sends the queued messages of Web Push, for at most limit.
func (no *Notices) FlushPush(limit time.Duration) {
	if no.push != nil {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		no.push.Flush(ctx)
	}
}

// on reports whether somebody receives notifications. A reload may change that.
func (no *Notices) on() bool { return no.push != nil || no.hooks.wants(OnNotify) }

// Changed implements notify.Rooms.
func (no *Notices) Changed(do func(notify.Change)) {
	no.hub.CollectNotices(no.on())
	no.hub.TakeNotices(do)
}

// Connected implements notify.Rooms.
func (no *Notices) Connected(users []string, is []bool) { no.hub.Connected(users, is) }

// Rule implements notify.Rooms.
func (no *Notices) Rule(room string) notify.Rule { return no.hub.NotifyRule(room) }

// Unread implements notify.Rooms.
func (no *Notices) Unread(user, room string) (notify.Unread, bool) {
	return no.hub.UnreadNotice(user, room)
}

// Preferences implements notify.Rooms.
func (no *Notices) Preferences(user string) []byte {
	return no.hub.Value("", notify.PreferencesKey(user))
}

// Ready implements notify.Sink.
func (no *Notices) Ready() bool {
	return (!no.hooks.hasStarted() || no.hooks.Client.Waiting() < maxNoticeQueue) && (no.push == nil || no.push.Waiting() < maxNoticeQueue)
}

// Notify implements notify.Sink.
func (no *Notices) Notify(n *notify.Notification) {
	if no.hooks.wants(OnNotify) {
		data, err := n.JSON()
		if err != nil {
			no.hub.Log.Error("encode a notification", "error", err)
			return
		}
		no.hooks.Client.Notify(&webhook.Request{Event: OnNotify, User: n.User, Data: data})
	}
	if no.push == nil || len(n.To) == 0 {
		return
	}
	payload, err := n.Payload()
	if err != nil {
		no.hub.Log.Error("encode a notification", "error", err)
		return
	}
	for i := range n.To {
		to := &n.To[i]
		no.push.Send(webpush.Message{To: to, Payload: payload, Urgent: n.Urgent(), Gone: func() { no.removeBrowser(n.User, to.Endpoint) }})
	}
}

// removeBrowser removes a subscription that has ended. Any goroutine may call it; it does not block.
func (no *Notices) removeBrowser(user, endpoint string) {
	no.change(user, func(p *notify.Preferences) (*notify.Preferences, error) { return p.Unsubscribe(endpoint), nil }, func(_ *notify.Preferences, e *chat.Rejection) {
		if e != nil {
			no.hub.Log.Warn("a Web Push subscription that has ended is not removed; it is tried again with the next notification",
				"user", logqueue.Clip(user), "error", fmt.Sprint(ErrorOf(e)))
		}
	})
}

// change changes the preferences of a user. done gets them, or a rejection. Any goroutine may call it, without locks; it does not block.
func (no *Notices) change(user string, change func(*notify.Preferences) (*notify.Preferences, error), done func(*notify.Preferences, *chat.Rejection)) {
	var now *notify.Preferences
	no.hub.ChangeValues("", func(r chat.ValueReader) ([]chat.Value, *chat.Rejection) {
		values, err := notify.ChangeValues(r.Get, user, func(p *notify.Preferences) (_ *notify.Preferences, err error) {
			now, err = change(p)
			return now, err
		})
		if err != nil {
			return nil, rejectionOfPreferences(err)
		}
		stored := make([]chat.Value, len(values))
		for i, v := range values {
			stored[i] = chat.Value(v)
		}
		return stored, nil
	}, func(_ chat.StreamPosition, e *chat.Rejection) { done(now, e) })
}

// rejectionOfPreferences returns the rejection of a change of preferences.
func rejectionOfPreferences(err error) *chat.Rejection {
	if limit := (*notify.LimitError)(nil); errors.As(err, &limit) {
		return &chat.Rejection{Cause: chat.CauseLimit, Detail: err.Error()}
	}
	return &chat.Rejection{Cause: chat.CauseInvalid, Detail: err.Error()}
}
