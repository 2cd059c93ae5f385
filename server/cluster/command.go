package cluster

import (
	"encoding/json"

	"github.com/throng-chat/throng/server/chat"
)

// command is a chat.TargetedCommand between nodes. One of the pointers is set.
type command struct {
	Number uint64   `json:"n"` // 0: no answer is wanted
	User   string   `json:"user,omitempty"`
	Client string   `json:"client,omitempty"`
	Except []string `json:"except,omitempty"`

	Disconnect  *chat.Disconnect  `json:"disconnect,omitempty"`
	Unsubscribe *chat.Unsubscribe `json:"unsubscribe,omitempty"`
	Subscribe   *chat.Subscribe   `json:"subscribe,omitempty"`
	Refresh     *chat.Refresh     `json:"refresh,omitempty"`
	Send        *chat.Send        `json:"send,omitempty"`
	EndRevoked  *chat.EndRevoked  `json:"end_revoked,omitempty"`
	Settle      bool              `json:"settle,omitempty"` // no command: only what Reached says

	Reached *reached `json:"reached,omitempty"` // what the node had applied
}

// executed is the result of a command.
type executed struct {
	Number   uint64 `json:"n"`
	Rejected bool   `json:"rejected,omitempty"`
	Cause    uint8  `json:"cause,omitempty"`
	Detail   string `json:"detail,omitempty"`
}

// commandOf encodes a command. of is what this node has applied; nil if the others need not wait for it.
func commandOf(number uint64, c chat.TargetedCommand, of *reached) []byte {
	w := command{Number: number, User: c.User, Client: c.Client, Except: c.Except, Reached: of}
	switch kind := c.Command.(type) {
	case chat.Disconnect:
		w.Disconnect = &kind
	case chat.Unsubscribe:
		w.Unsubscribe = &kind
	case chat.Subscribe:
		w.Subscribe = &kind
	case chat.Refresh:
		w.Refresh = &kind
	case chat.Send:
		w.Send = &kind
	case chat.EndRevoked:
		w.EndRevoked = &kind
	default:
		panic("cluster: a command of an unknown kind")
	}
	return jsonMessage(kindCommand, w)
}

// parseCommand decodes a command. Its own Command is nil if it only settles. ok is false if it cannot be read.
func parseCommand(b []byte) (w command, c chat.TargetedCommand, ok bool) {
	if json.Unmarshal(b, &w) != nil {
		return w, c, false
	}
	c = chat.TargetedCommand{User: w.User, Client: w.Client, Except: w.Except}
	switch {
	case w.Disconnect != nil:
		c.Command = *w.Disconnect
	case w.Unsubscribe != nil:
		c.Command = *w.Unsubscribe
	case w.Subscribe != nil:
		c.Command = *w.Subscribe
	case w.Refresh != nil:
		c.Command = *w.Refresh
	case w.Send != nil:
		c.Command = *w.Send
	case w.EndRevoked != nil:
		c.Command = *w.EndRevoked
	case !w.Settle:
		return w, c, false
	}
	return w, c, true
}
