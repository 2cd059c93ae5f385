package chat

import (
	"bytes"
	"encoding/json"
)

// changesMessage reports whether a publication is an edit, a deletion or a reaction by the conventions of docs/chat.md. A history counts such
// publications apart from messages: otherwise a reaction that a user adds and removes again and again would evict all messages. The
// server does not check whether the change is allowed.
func (pub *Publication) changesMessage() bool {
	if pub.Form != FormJSON || pub.Data[0] != '{' || !bytes.Contains(pub.Data, []byte(`"of"`)) {
		return false
	}
	var data struct {
		Type string          `json:"type"`
		Of   json.RawMessage `json:"of"`
	}
	if json.Unmarshal(pub.Data, &data) != nil || data.Of == nil {
		return false
	}
	switch data.Type {
	case "edit", "delete", "reaction":
		return true
	}
	return false
}
