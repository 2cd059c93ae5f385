package embedded

import "github.com/throng-chat/throng/server/chat"

// feedSource has the items of a feed.
type feedSource[T any] struct {
	feed   *chat.Feed[T]
	end    func()                // removes the feed
	do     func(*T) error        // receives the next item
	onLoss func(chat.Loss) error // receives what is lost, at its place
	batch  []T
}

func (fs *feedSource[T]) ready() <-chan struct{} { return fs.feed.Ready }

func (fs *feedSource[T]) leave() { fs.end() }

func (fs *feedSource[T]) take(sub *Subscription) bool {
	var lost chat.Loss
	fs.batch, lost = fs.feed.Take(fs.batch)
	for i := range fs.batch {
		if sub.ended() {
			return true
		}
		sub.call(func() error { return fs.do(&fs.batch[i]) })
	}
	if lost == (chat.Loss{}) || sub.ended() {
		return len(fs.batch) > 0
	}
	sub.of.metrics.EmbeddedGaps.Inc()
	sub.of.metrics.EmbeddedLost.Add(float64(lost.Number))
	sub.call(func() error { return fs.onLoss(lost) })
	return true
}
