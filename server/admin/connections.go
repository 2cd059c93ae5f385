package admin

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/session"
)

const (
	defaultPage = 100 // connections of GET /connections
	maxPage     = 1000
)

type Traffic struct {
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
}

// Connection is what GET /connections tells of one.
type Connection struct {
	ID          uint64    `json:"id"`
	Address     string    `json:"address"`
	Rooms       []string  `json:"rooms"`
	User        string    `json:"user,omitempty"`
	Client      string    `json:"client,omitempty"` // its id in the SDK protocol
	Since       time.Time `json:"since"`
	LastSeen    time.Time `json:"last_seen"`
	Received    Traffic   `json:"received"`
	Sent        Traffic   `json:"sent"`
	UnsentBytes int       `json:"unsent_bytes"`
	Closing     string    `json:"closing,omitempty"` // the reason, once it is
}

// describe is called on c's shard.
func describe(c *fanout.Conn) Connection {
	s := c.Stats()
	client, user := session.SdkClient(c)
	return Connection{
		ID:          s.ID,
		Address:     s.Address,
		Rooms:       s.Rooms,
		User:        user,
		Client:      client,
		Since:       s.Since,
		LastSeen:    s.LastSeen,
		Received:    Traffic{s.Received.Messages, s.Received.Bytes},
		Sent:        Traffic{s.Sent.Messages, s.Sent.Bytes},
		UnsentBytes: s.Unsent,
		Closing:     s.Closing,
	}
}

// listConnections is GET /connections?after=ID&limit=N&room=NAME: a page in the order of the ids, which is the order of
// arrival. "next" is the after of the page behind it.
func (a *Admin) listConnections(w http.ResponseWriter, r *http.Request) {
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
		Connections []Connection `json:"connections"`
		Total       int64        `json:"total"`
		Next        uint64       `json:"next,omitempty"`
	}{Connections: []Connection{}, Total: a.hub.Live.Load()}
	// One more than the page, to know whether another follows.
	a.hub.Page(after, int(limit)+1, room, func(c *fanout.Conn) { page.Connections = append(page.Connections, describe(c)) })
	slices.SortFunc(page.Connections, func(a, b Connection) int { return cmp.Compare(a.ID, b.ID) })
	if len(page.Connections) > int(limit) {
		page.Connections = page.Connections[:limit]
		page.Next = page.Connections[limit-1].ID
	}
	answer(w, http.StatusOK, page)
}

// closeConnection is DELETE /connections/{id}.
func (a *Admin) closeConnection(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": "the id is a number"})
		return
	}
	if !a.hub.Kick(id) {
		answer(w, http.StatusNotFound, map[string]string{"error": "no such connection"})
		return
	}
	a.log.Info("connection closed by the operator", "conn", id)
	w.WriteHeader(http.StatusNoContent)
}
