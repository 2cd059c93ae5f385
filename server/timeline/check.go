package timeline

import (
	"fmt"
	"slices"
)

// Act is what to do with a publication.
type Act uint8

const (
	Accept Act = iota // give it an offset, store and deliver it
	Repeat            // the same message is in the timeline: acknowledge it with Verdict.Offset, deliver nothing
	NoOp              // it changes nothing: acknowledge it with the position of the room, deliver nothing
	Wait              // the same is pending: acknowledge it when the publication with Verdict.Offset is committed, or fail with it
	Reject            // see Verdict.Code
)

// Codes of rejections, as in docs/codes.md.
const (
	Denied  = 103
	Invalid = 107
)

// Verdict is the result of Check.
type Verdict struct {
	Act    Act
	Offset uint64 // of Repeat and Wait
	Code   int    // of Reject: Denied or Invalid
	Reason string // of Reject: text for the publisher
}

var accept = Verdict{Act: Accept}

func denied(reason string) Verdict { return Verdict{Act: Reject, Code: Denied, Reason: reason} }

var noMessage = denied("no such message")

// Check decides what becomes of an entry, with the pending publications counted as if they were folded. It changes nothing.
func (t *Timeline) Check(e *Entry, by Author) Verdict {
	if e.Kind == Message {
		return t.checkMessage(e, &by)
	}
	m, to := t.find(e.ID), t.pending.of(e.ID)
	switch {
	case m == nil && (to == nil || to.message == nil):
		return noMessage
	case e.Kind == Delete:
		return checkDelete(m, to, &by)
	case m != nil && m.deleted || to.last(Delete, "", "") != nil:
		return denied("the message is deleted")
	case e.Kind == Edit:
		return checkEdit(m, to, e, &by)
	case e.Kind == Pin:
		return checkPin(m, to, e, &by)
	}
	return t.checkReaction(m, to, e, &by)
}

func (t *Timeline) checkMessage(e *Entry, by *Author) Verdict {
	if v := t.checkID(e.ID, by); v != accept {
		return v
	}
	if e.ReplyTo != "" && !t.exists(e.ReplyTo) {
		return denied("reply_to: no such message")
	}
	if e.Thread != "" {
		if v := t.checkThread(e.Thread); v != accept {
			return v
		}
	}
	return checkHere(e, by)
}

// checkID checks the ID of a new message.
func (t *Timeline) checkID(id string, by *Author) Verdict {
	if id == "" {
		return accept
	}
	const taken = "id: another author's message has it"
	if m := t.find(id); m != nil {
		if !m.by(by) {
			return denied(taken)
		}
		return Verdict{Act: Repeat, Offset: m.offset}
	}
	if to := t.pending.of(id); to != nil && to.message != nil {
		if !sameAuthor(to.message.user, to.message.client, by) {
			return denied(taken)
		}
		return Verdict{Act: Wait, Offset: to.message.offset}
	}
	if t.threads[id] != nil {
		return denied("id: a thread has it whose first message is no longer kept")
	}
	return accept
}

// checkThread checks the reference to a thread: to a message that is not itself a reply in a thread, or to a thread with replies.
func (t *Timeline) checkThread(name string) Verdict {
	inside := ""
	if m := t.find(name); m != nil {
		if m.in != nil {
			inside = m.in.name
		}
	} else if to := t.pending.of(name); to != nil && to.message != nil {
		inside = to.message.thread
	} else if t.threads[name] == nil {
		return denied("thread: no such message")
	}
	if inside != "" {
		return Verdict{Act: Reject, Code: Invalid, Reason: fmt.Sprintf("thread: found a message in the thread %q, allowed: the first message of a thread", inside)}
	}
	return accept
}

// exists reports whether the timeline has a message, or a pending one.
func (t *Timeline) exists(name string) bool {
	to := t.pending.of(name)
	return t.find(name) != nil || to != nil && to.message != nil
}

func checkHere(e *Entry, by *Author) Verdict {
	if slices.Contains(e.Mentions, Here) && !by.MayHere && !by.Moderator && !by.Application {
		return denied("mentions: @here is not allowed for this user in this room")
	}
	return accept
}

// mayChange reports whether the author wrote the message, is a moderator or the application.
func mayChange(m *message, to *target, by *Author) bool {
	if by.Moderator || by.Application {
		return true
	}
	if m != nil {
		return m.by(by)
	}
	return sameAuthor(to.message.user, to.message.client, by)
}

func checkDelete(m *message, to *target, by *Author) Verdict {
	if !mayChange(m, to, by) {
		return denied("only the author or a moderator may delete the message")
	}
	if m != nil && m.deleted {
		return Verdict{Act: NoOp}
	}
	if h := to.last(Delete, "", ""); h != nil {
		return Verdict{Act: Wait, Offset: h.offset}
	}
	return accept
}

func checkEdit(m *message, to *target, e *Entry, by *Author) Verdict {
	if !mayChange(m, to, by) {
		return denied("only the author or a moderator may edit the message")
	}
	if v := checkHere(e, by); v != accept {
		return v
	}
	if m != nil && to.last(Edit, "", "") == nil && m.sameText(e) {
		return Verdict{Act: NoOp}
	}
	return accept
}

func checkPin(m *message, to *target, e *Entry, by *Author) Verdict {
	if !by.Moderator && !by.Application {
		return denied("only a moderator may pin a message")
	}
	return checkState(to.last(Pin, "", ""), m != nil && m.pinned, e.On)
}

// checkState decides about a change to a state, which is now, or will be when h is committed, if h is not nil.
func checkState(h *held, now, on bool) Verdict {
	switch {
	case h != nil && h.on == on:
		return Verdict{Act: Wait, Offset: h.offset}
	case h == nil && now == on:
		return Verdict{Act: NoOp}
	}
	return accept
}

func (t *Timeline) checkReaction(m *message, to *target, e *Entry, by *Author) Verdict {
	if by.User == "" {
		return denied("a reaction needs a user")
	}
	var r *rare
	if m != nil {
		r = m.rare
	}
	v := checkState(to.last(Reaction, by.User, e.Emoji), r.find(e.Emoji).has(t.people.find(by.User)), e.On)
	if v != accept || !e.On {
		return v
	}
	if reason := reactionBound(r, to, e.Emoji, by.User); reason != "" {
		return denied(reason)
	}
	return accept
}
