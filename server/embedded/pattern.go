package embedded

import (
	"context"

	"github.com/throng-chat/throng/server/chat"
)

// PatternOptions are those of a subscription to all rooms of a pattern. It has no position to continue behind, because each room has its own: the
// publications that find the queue full are a gap, although a history may have them.
type PatternOptions struct {
	QueueBytes int // of publications that wait for the function, or are with it; 0 for DefaultQueue

	// OnGap is called if publications are lost, at their place and on the same goroutine. Gap.Room is the pattern, and Gap.Next is zero. nil: a gap
	// ends the subscription with a *GapError.
	OnGap func(Gap)
}

// SubscribePattern subscribes to all rooms of a pattern, which is valid, until ctx ends.
func (subs *Subscriptions) SubscribePattern(ctx context.Context, pattern string, o PatternOptions, do func(Publication) error) (*Subscription, error) {
	if !subs.add() {
		return nil, ErrNotRunning
	}
	feed := subs.hub.RoomFeeds.ListenAll(pattern, queueOf(o.QueueBytes))
	return subs.begin(ctx, &feedSource[chat.RoomPublication]{
		feed: feed,
		end:  func() { subs.hub.RoomFeeds.Close(feed) },
		do:   func(p *chat.RoomPublication) error { return do(publicationOf(p.Room, p.Epoch, &p.Publication)) },
		onLoss: func(lost chat.Loss) error {
			g := Gap{Room: pattern, Lost: lost.Number, Unknown: lost.Unknown}
			if o.OnGap == nil {
				return &GapError{g}
			}
			o.OnGap(g)
			return nil
		},
	}, Position{}), nil
}
