package timeline

import "slices"

// pending has the publications of a durable room that have an offset and are not committed yet. Check counts them as if they were folded.
type pending struct {
	byTarget map[string]*target // by the name of the message that they create or change
	count    int
}

// target is a message with publications that are not committed.
type target struct {
	message *held  // the message itself, if it is not committed
	changes []held // in the order of their offsets
}

// held is one publication that is not committed.
type held struct {
	offset uint64
	kind   Kind
	on     bool
	user   string
	client string
	emoji  string
	thread string
}

func (w *pending) bytes() int { return w.count * pendingCost }

func (w *pending) hold(p Published, e *Entry) {
	if e.ID == "" {
		return // nothing can refer to it yet
	}
	if w.byTarget == nil {
		w.byTarget = map[string]*target{}
	}
	to := w.byTarget[e.ID]
	if to == nil {
		to = &target{}
		w.byTarget[e.ID] = to
	}
	h := held{offset: p.Offset, kind: e.Kind, on: e.On, user: p.User, client: p.Client, emoji: e.Emoji, thread: e.Thread}
	if w.count++; e.Kind == Message {
		to.message = &h
	} else {
		to.changes = append(to.changes, h)
	}
}

func (w *pending) release(offset uint64, e *Entry) {
	to := w.byTarget[e.ID]
	if to == nil {
		return
	}
	if to.message != nil && to.message.offset == offset {
		to.message = nil
		w.count--
	}
	for i := range to.changes {
		if to.changes[i].offset == offset {
			to.changes = append(to.changes[:i], to.changes[i+1:]...)
			w.count--
			break
		}
	}
	if to.message == nil && len(to.changes) == 0 {
		delete(w.byTarget, e.ID)
	}
}

// of returns the pending publications of a message; nil for none.
func (w *pending) of(name string) *target { return w.byTarget[name] }

// last returns the newest pending change of the kind, of a reaction by the user with the emoji; nil for none.
func (to *target) last(kind Kind, user, emoji string) *held {
	if to == nil {
		return nil
	}
	for i := len(to.changes) - 1; i >= 0; i-- {
		if h := &to.changes[i]; h.kind == kind && (kind != Reaction || h.user == user && h.emoji == emoji) {
			return h
		}
	}
	return nil
}

// reactions returns upper bounds of what the pending changes add: reactions, their bytes, and emojis other than those for which known is true.
func (to *target) reactions(known func(emoji string) bool) (count, bytes int, emojis []string) {
	if to == nil {
		return 0, 0, nil
	}
	for i := range to.changes {
		h := &to.changes[i]
		if h.kind != Reaction || !h.on {
			continue
		}
		count++
		bytes += len(h.user) + reactionOverhead
		if !known(h.emoji) && !slices.Contains(emojis, h.emoji) {
			emojis = append(emojis, h.emoji)
		}
	}
	return count, bytes, emojis
}
