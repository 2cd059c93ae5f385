package fanout

import (
	"container/list"

	"github.com/throng-chat/throng/server/deflate"
)

// MaxContexts bounds the contexts of all shards, of 8 KiB each.
const MaxContexts = 1024

// contexts are the contexts of the topics of a shard. Beyond a limit, the one that was not used for the longest time is dropped. The zero
// contexts have none. Owned by the shard.
type contexts struct {
	recent list.List // of *sharedContext, the one that was used last first
	max    int
}

// sharedContext lets the compressed messages of a topic refer to those before them (deflate.Context).
type sharedContext struct {
	deflate.Context
	messages int // since it was empty
	entry    *list.Element
	dropped  bool
}

// use returns x as the one that was used last. It returns a new one for clients with a window if x is nil or was dropped, and whether another
// one was dropped for it.
func (xs *contexts) use(x *sharedContext, w deflate.Window) (_ *sharedContext, evicted bool) {
	if x != nil && !x.dropped {
		xs.recent.MoveToFront(x.entry)
		return x, false
	}
	if evicted = xs.recent.Len() >= xs.max; evicted {
		xs.drop(xs.recent.Back().Value.(*sharedContext))
	}
	x = &sharedContext{Context: *deflate.NewContext(w)}
	x.entry = xs.recent.PushFront(x)
	return x, evicted
}

// drop frees a context; nil does nothing. The next one of its topic is empty, which suits all members.
func (xs *contexts) drop(x *sharedContext) {
	if x != nil && !x.dropped {
		xs.recent.Remove(x.entry)
		*x = sharedContext{dropped: true}
	}
}

// add appends a message that the members inflate.
func (x *sharedContext) add(payload []byte) {
	x.Add(payload)
	x.messages++
}
