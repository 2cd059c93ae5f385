package chat

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/throng-chat/throng/server/marker"
	"github.com/throng-chat/throng/server/roster"
)

// Read markers of chat rooms. A marker is a value of its room: in a durable room it is on disk before it is acknowledged, and a restart keeps it.
// It counts in the epoch of the room in which it was set. A reload and the eviction of messages do not change it.

// MarkDone receives the marker of a user, or a rejection. The rules of Done apply.
type MarkDone func(upto uint64, e *Rejection)

// rejectLongName is the rejection of a marker of a user whose name is too long.
var rejectLongName = &Rejection{CauseLimit, fmt.Sprintf("user: want %d bytes at most for a read marker", marker.MaxName)}

// marking is one call of MarkRead.
type marking struct {
	hub   *Hub
	in    RoomRef
	by    *ClientInfo
	upto  uint64
	moved bool
}

// MarkRead moves the read marker of a user in a chat room to an offset. It does not move back: then done gets the marker as it is. The other
// connections of the user receive the new marker, and the members if the room has receipts. Rejections are those of ChangeValues, and CauseInvalid
// if the offset is beyond the newest one. Any goroutine may call it, without locks; it does not block.
func (h *Hub) MarkRead(in RoomRef, by *ClientInfo, upto uint64, done MarkDone) {
	if len(by.User) > marker.MaxName {
		done(0, rejectLongName)
		return
	}
	m := &marking{hub: h, in: in, by: by, upto: upto}
	h.ChangeValues(in.Name, m.decide, func(_ StreamPosition, e *Rejection) {
		done(m.upto, e)
		if e == nil && m.moved {
			m.tell()
		}
	})
}

// decide returns the change of the marker. The room's lock is held.
func (mk *marking) decide(now ValueReader) ([]Value, *Rejection) {
	at := mk.hub.positionLocked(mk.in.Name)
	if mk.upto > at.Offset {
		return nil, &Rejection{CauseInvalid, fmt.Sprintf("upto: found %d, allowed: 1 to %d, the newest offset of the room", mk.upto, at.Offset)}
	}
	e, key := marker.Entry{Number: mk.upto, Epoch: epochNumber(at.Epoch)}, readPrefix+mk.by.User
	before := now.Get(key)
	if was := markerOf(before); was.Epoch == e.Epoch && was.Number >= e.Number {
		mk.upto = was.Number
		if bytes.Equal(now.values.get(key), before) {
			return nil, nil
		}
		return []Value{{key, before}}, nil // it is proposed: the reply has to wait for the disk as well
	}
	if len(before) == 0 && now.role(mk.by.User) == roster.None {
		if e := mk.hub.AdmitsUsers(mk.in.Name); e != nil {
			return nil, e
		}
	}
	mk.moved = true
	var changes []Value
	if now.values != nil {
		changes = now.values.numbers.roomFor(mk.by.User, e.Epoch)
	}
	mk.hub.Metrics.MarkersDropped.Add(float64(len(changes)))
	return append(changes, Value{key, (&markerFamily{prefix: readPrefix}).data(e)}), nil
}

// tell sends a marker that has moved to the other connections of its user.
func (mk *marking) tell() {
	data, err := json.Marshal(struct {
		Type    string `json:"type"`
		Channel string `json:"channel"`
		Upto    uint64 `json:"upto"`
	}{"read", mk.in.Name, mk.upto})
	if err != nil {
		panic(err) // no type of it can fail
	}
	mk.hub.Tell(mk.by.User, mk.by.Client, Send{data})
}

// positionLocked returns the stream position of a room, which need not be in the room table. The room's lock is held.
func (h *Hub) positionLocked(room string) StreamPosition {
	if r := h.Rooms.StripeOf(room).rooms[room]; r != nil {
		return r.History.Position()
	}
	return h.positionOfAbsent(room)
}

// Tell sends a command to the connections of a user, except one; empty for none. It does not wait for them, and does not reach connections that
// wait for their connect webhook. Any goroutine may call it.
func (h *Hub) Tell(user, except string, command UserCommand) {
	if h.others != nil {
		h.others.Tell(TargetedCommand{User: user, Except: []string{except}, Command: command})
	}
	h.TellHere(user, except, command)
}

// TellHere is Tell for the connections of this node.
func (h *Hub) TellHere(user, except string, command UserCommand) {
	h.UsersMu.Lock()
	var clients []userClient
	if u := h.users[user]; u != nil {
		for _, c := range u.clients {
			if c.ClientID() != except {
				clients = append(clients, c)
			}
		}
	}
	h.UsersMu.Unlock()
	for _, c := range clients {
		c.Execute(command, func(*Rejection) {}) // a connection that has ended needs no command
	}
}
