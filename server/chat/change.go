package chat

import (
	"bytes"
	"encoding/json"
)

// ChangesMessage says whether a publication changes a message that was published before, by the conventions of CHAT.md: an edit,
// a deletion or a reaction. Such publications take no message's place in a history, since a reaction that is given and taken back
// would wipe it. Nothing else depends on it: the server does not judge whether the change is allowed.
func (pub *Publication) ChangesMessage() bool {
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
