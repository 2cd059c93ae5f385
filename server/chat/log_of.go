package chat

import (
	"slices"

	"github.com/throng-chat/throng/server/home"
	"github.com/throng-chat/throng/server/record"
)

// Durable returns the log of a durable room; nil in a hub without a data directory. The room "" has the values of users. Any goroutine may call it.
func (h *Hub) Durable(room string) *Durable {
	if len(h.durable) == 0 {
		return nil
	}
	return h.durable[record.LogOf(room, len(h.durable))]
}

// StoresData reports whether there is a data directory, with logs of durable rooms.
func (h *Hub) StoresData() bool { return len(h.durable) > 0 }

// DurableLogs returns the logs of durable rooms, by their number. The caller must not change the result.
func (h *Hub) DurableLogs() []*Durable { return h.durable }

// DurableState returns the state of the logs of durable rooms together, and its cause: that of the first one which is not in order, or else of log 0.
func (h *Hub) DurableState() (state home.State, cause error) {
	for i, du := range h.durable {
		now, err := du.Status()
		if i == 0 || state.IsInOrder() && !now.IsInOrder() {
			state, cause = now, err
		}
	}
	return state, cause
}

// Logs returns the logs of all rooms.
func (h *Hub) Logs() []*Durable {
	if h.InMemory == nil {
		return h.durable
	}
	return append(slices.Clone(h.durable), h.InMemory)
}

// logOf returns the log of a room with options; nil for a room without one.
func (h *Hub) logOf(room string, o *Options) *Durable {
	switch {
	case !o.Durable:
		return nil
	case o.inMemory:
		return h.InMemory
	}
	return h.Durable(room)
}
