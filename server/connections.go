package server

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/throng-chat/throng/server/wheel"
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
	clock := c.shard.engine.clock
	// A newcomer that has said nothing counts as heard at a moment before it came.
	seen := max(c.since, wheel.Tick(c.seen.Load()))
	d := connection{
		ID:       c.id,
		Address:  c.address(),
		Rooms:    c.joinedRooms(),
		Since:    clock.wall(c.since),
		LastSeen: clock.wall(seen),
		Received: traffic{Messages: c.receivedMessages.Load(), Bytes: c.receivedBytes.Load()},
		Sent:     traffic{Messages: c.sentMessages, Bytes: c.sentBytes},
	}
	if s, ok := c.handler.(*session); ok {
		d.Client = s.client
		if info := s.identity.Load(); info != nil {
			d.User = info.User
		}
	}
	if c.out != nil {
		d.UnsentBytes = c.out.bytes
	}
	if reason := closeReason(c.reason.Load()); reason != stillOpen {
		d.Closing = reason.String()
	}
	return d
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
	var found []*conn
	page := struct {
		Connections []connection `json:"connections"`
		Total       int64        `json:"total"`
		Next        uint64       `json:"next,omitempty"`
	}{Connections: []connection{}, Total: a.hub.live.Load()}
	a.hub.call(func(sh *shard) {
		found = found[:0]
		for _, c := range sh.conns {
			if c.id > after && (room == "" || slices.Contains(c.joinedRooms(), room)) {
				found = append(found, c)
			}
		}
		slices.SortFunc(found, func(a, b *conn) int { return cmp.Compare(a.id, b.id) })
		// One more than the page, to know whether another follows.
		for _, c := range found[:min(len(found), int(limit)+1)] {
			page.Connections = append(page.Connections, describe(c))
		}
	})
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
	found := false
	a.hub.call(func(sh *shard) {
		if i := slices.IndexFunc(sh.conns, func(c *conn) bool { return c.id == id }); i >= 0 {
			found = true
			sh.conns[i].end(closedByAdmin, "closed by the operator")
		}
	})
	if !found {
		answer(w, http.StatusNotFound, map[string]string{"error": "no such connection"})
		return
	}
	a.log.Info("connection closed by the operator", "conn", id)
	w.WriteHeader(http.StatusNoContent)
}
