//go:build !nonats

package natsbroker

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
)

// answerWithin is the time for replicas to store a message. Without an answer it is stored or not.
const answerWithin = 12 * time.Second

// request publishes a message and waits for its answer. If a later probe is answered first, there is none, and the instance has failed. The leader of
// several replicas answers a probe before a message that it replicates: there the wait is bounded instead.
func (i *instance) request(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	inbox := nats.NewInbox()
	answers, err := i.conn.SubscribeSync(inbox + ".*")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err := answers.Unsubscribe(); err != nil && i.cause() == nil {
			i.options.Log.Warn("storage engine: end of a request", "error", err)
		}
	}()
	m.Reply = inbox + ".a"
	replicated := i.options.replicated()
	if replicated {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, answerWithin)
		defer cancel()
	}
	if err := i.conn.PublishMsg(m); err != nil {
		return nil, err
	}
	start := time.Now()
	for patience := probeAfter; ; patience = nextProbe(patience) {
		wait, cancel := context.WithTimeout(ctx, patience)
		answer, err := answers.NextMsgWithContext(wait)
		cancel()
		switch {
		case errors.Is(err, nats.ErrNoResponders) && time.Since(start) < leaderPatience:
			time.Sleep(leaderPoll)
			if err := i.conn.PublishMsg(m); err != nil {
				return nil, err
			}
			continue
		case err == nil && answer.Subject == m.Reply:
			return answer, nil
		case err == nil:
			i.fail(i.classify("table", errNoAnswer))
			return nil, errNoAnswer
		case ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded):
			return nil, err
		case replicated:
			continue
		}
		if err := i.conn.PublishMsg(newProbe(m.Subject, inbox+".p")); err != nil {
			return nil, err
		}
	}
}
