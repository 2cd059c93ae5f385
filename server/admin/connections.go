package admin

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/throng-chat/throng/server/audit"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/session"
)

const (
	defaultPage = 100 // connections in a response of GET /connections
	maxPage     = 1000
)

// Traffic counts the messages and bytes in one direction.
type Traffic struct {
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
}

// Connection is one connection in a response of GET /connections.
type Connection struct {
	ID          uint64    `json:"id"`
	Address     string    `json:"address"`
	Rooms       []string  `json:"rooms"`
	User        string    `json:"user,omitempty"`
	Client      string    `json:"client,omitempty"` // the client ID of the SDK protocol
	Since       time.Time `json:"since"`
	LastSeen    time.Time `json:"last_seen"`
	Received    Traffic   `json:"received"`
	Sent        Traffic   `json:"sent"`
	UnsentBytes int       `json:"unsent_bytes"`
	Closing     string    `json:"closing,omitempty"` // the reason, if the connection is being closed
}

// describe must be called on the shard of c.
func describe(c *fanout.Conn) Connection {
	s := c.Stats()
	client, user := session.SDKClient(c)
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

// listConnections handles GET /connections?after=ID&limit=N&room=NAME&user=NAME. It returns a page in the order of the IDs, which is the order of
// connecting. "next" is the value of after for the following page.
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
		respond(w, http.StatusBadRequest, map[string]string{"error": "after must be an ID of a connection, limit must be 1 to 1000"})
		return
	}
	room, user := r.URL.Query().Get("room"), r.URL.Query().Get("user")
	page := struct {
		Connections []Connection `json:"connections"`
		Total       int64        `json:"total"`
		Next        uint64       `json:"next,omitempty"`
	}{Connections: []Connection{}, Total: a.sessions.Live.Load()}
	// Read one more than the page has, to know whether another page follows.
	a.sessions.Page(after, int(limit)+1, room, user, func(c *fanout.Conn) { page.Connections = append(page.Connections, describe(c)) })
	slices.SortFunc(page.Connections, func(a, b Connection) int { return cmp.Compare(a.ID, b.ID) })
	if len(page.Connections) > int(limit) {
		page.Connections = page.Connections[:limit]
		page.Next = page.Connections[limit-1].ID
	}
	respond(w, http.StatusOK, page)
}

// closeConnection handles DELETE /connections/{id}.
func (a *Admin) closeConnection(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil {
		respond(w, http.StatusBadRequest, map[string]string{"error": "the ID must be a number"})
		return
	}
	if !a.sessions.Kick(id) {
		respond(w, http.StatusNotFound, map[string]string{"error": "no such connection"})
		return
	}
	a.audit.Record(audit.Entry{Action: audit.CloseConnection, Actor: a.access.operator(r), Connection: id})
	a.log.Info("connection closed by the operator", "conn", id)
	w.WriteHeader(http.StatusNoContent)
}
