package server

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"time"
)

const (
	defaultPage = 100 // connections of GET /connections
	maxPage     = 1000
)

type traffic struct {
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
}

// connection is what GET /connections tells of one.
type connection struct {
	ID          uint64    `json:"id"`
	Address     string    `json:"address"`
	Rooms       []string  `json:"rooms"`
	User        string    `json:"user,omitempty"`
	Client      string    `json:"client,omitempty"` // its id in the SDK protocol
	Since       time.Time `json:"since"`
	LastSeen    time.Time `json:"last_seen"`
	Received    traffic   `json:"received"`
	Sent        traffic   `json:"sent"`
	UnsentBytes int       `json:"unsent_bytes"`
	Closing     string    `json:"closing,omitempty"` // the reason, once it is
}

// describe is called on c's shard.
func describe(c *conn) connection {
	s := c.stats()
	client, user := sdkClient(c)
	return connection{
		ID:          s.id,
		Address:     s.address,
		Rooms:       s.rooms,
		User:        user,
		Client:      client,
		Since:       s.since,
		LastSeen:    s.lastSeen,
		Received:    traffic{s.received.messages, s.received.bytes},
		Sent:        traffic{s.sent.messages, s.sent.bytes},
		UnsentBytes: s.unsent,
		Closing:     s.closing,
	}
}

// listConnections is GET /connections?after=ID&limit=N&room=NAME: a page in the order of the ids, which is the order of
// arrival. "next" is the after of the page behind it.
func (a *admin) listConnections(w http.ResponseWriter, r *http.Request) {
	number := func(name string, preset, most uint64) (uint64, bool) {
		text := r.URL.Query().Get(name)
		if text == "" {
			return preset, true
		}
		n, err := strconv.ParseUint(text, 10, 64)
		return n, err == nil && n <= most
	}
	after, ok1 := number("after", 0, 1<<63)
	limit, ok2 := number("limit", defaultPage, maxPage)
	if !ok1 || !ok2 || limit == 0 {
		answer(w, http.StatusBadRequest, map[string]string{"error": "after must be an id, limit 1 to 1000"})
		return
	}
	room := r.URL.Query().Get("room")
	page := struct {
		Connections []connection `json:"connections"`
		Total       int64        `json:"total"`
		Next        uint64       `json:"next,omitempty"`
	}{Connections: []connection{}, Total: a.hub.live.Load()}
	// One more than the page, to know whether another follows.
	a.hub.page(after, int(limit)+1, room, func(c *conn) { page.Connections = append(page.Connections, describe(c)) })
	slices.SortFunc(page.Connections, func(a, b connection) int { return cmp.Compare(a.ID, b.ID) })
	if len(page.Connections) > int(limit) {
		page.Connections = page.Connections[:limit]
		page.Next = page.Connections[limit-1].ID
	}
	answer(w, http.StatusOK, page)
}

// closeConnection is DELETE /connections/{id}.
func (a *admin) closeConnection(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": "the id is a number"})
		return
	}
	if !a.hub.kick(id) {
		answer(w, http.StatusNotFound, map[string]string{"error": "no such connection"})
		return
	}
	a.log.Info("connection closed by the operator", "conn", id)
	w.WriteHeader(http.StatusNoContent)
}
