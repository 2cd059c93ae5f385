package cluster

import "github.com/throng-chat/throng/server/chat"

// allCounts returns the numbers of all rooms and users of a node.
func allCounts(h *chat.Hub) (all []presenceChange) {
	for _, r := range h.ActiveRoomsHere() {
		all = append(all, presenceChange{kind: changeRoom, room: r.Name, count: h.RoomHere(r.Name)})
	}
	for _, user := range h.UsersHere() {
		all = append(all, presenceChange{kind: changeUser, user: user, since: h.UserHere(user)})
	}
	return all
}
