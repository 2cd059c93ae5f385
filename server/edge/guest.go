package edge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"time"
	"unicode/utf8"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/token"
	"github.com/throng-chat/throng/server/ws"
)

// GuestPath is the path at which a client without an account gets a token: POST {"name":"Ann"} returns
// {"token":"...","user":"guest:...","ttl":600}. With {"name":"Ann","token":OLD}, the guest remains the same user with the new name.
const GuestPath = "/connection/guest"

const (
	GuestLifetime = 10 * time.Minute // of a token; the page requests a new one before the expiry
	GuestGrace    = 10 * time.Minute // after the expiry of a token, in which a new token can continue its user
	MaxGuestBody  = 8 << 10          // bytes
)

// GuestRequest is the body of a request to GuestPath.
type GuestRequest struct {
	Name  string `json:"name"`
	Token string `json:"token"` // of the guest to continue; empty for a new guest
}

// GuestResponse is the body of the response of GuestPath.
type GuestResponse struct {
	Token string `json:"token"`
	User  string `json:"user"`
	TTL   int    `json:"ttl"` // seconds
}

// serveGuest handles GuestPath. It allows the same origins as the WebSocket endpoints.
func (e *Edge) serveGuest(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Origin")
	reject := func(status int, text string) {
		e.skipBody(w, r)
		http.Error(w, text, status)
	}
	if !e.rules.Load().origins.Allow(ws.FieldOf(r.Header["Origin"]), r.Host) {
		reject(http.StatusForbidden, foreignOrigin(r.Header.Get("Origin")))
		return
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		h.Set("Access-Control-Allow-Origin", origin)
	}
	from := e.proxies.addressKeyOf(r)
	switch {
	case r.Method == http.MethodOptions:
		// A browser sends this request before a page of another origin may send JSON.
		h.Set("Access-Control-Allow-Methods", http.MethodPost)
		h.Set("Access-Control-Allow-Headers", "Content-Type")
		e.skipBody(w, r)
		w.WriteHeader(http.StatusNoContent)
		return
	case r.Method != http.MethodPost:
		h.Set("Allow", "POST, OPTIONS")
		reject(http.StatusMethodNotAllowed, "only POST")
		return
	case !e.sessions.Settings().Guests:
		reject(http.StatusForbidden, "guests are not allowed: connect with a token, or start the server with --guests on")
		return
	case !e.Guests.Allow(from, e.sessions.Clock.Now()):
		e.metrics.HTTPRejected.WithLabelValues(metrics.RejectedRate).Inc()
		h.Set("Retry-After", retryAfterSeconds)
		reject(http.StatusTooManyRequests, fmt.Sprintf("more than %d guests per second from this address: retry after %s s", GuestRate, retryAfterSeconds))
		return
	}
	e.serveGuestToken(w, r, from, reject)
}

// serveGuestToken waits for the body in one of the places of guest requests, and sends a token.
func (e *Edge) serveGuestToken(w http.ResponseWriter, r *http.Request, from netip.Addr, reject func(status int, text string)) {
	h := w.Header()
	full := func() {
		e.metrics.HTTPRejected.WithLabelValues(metrics.RejectedFull).Inc()
		h.Set("Retry-After", retryAfterSeconds)
		reject(http.StatusServiceUnavailable, fmt.Sprintf("%d guest requests in progress: retry after %s s", maxGuestsWait, retryAfterSeconds))
	}
	socket := http.NewResponseController(w)
	if err := socket.SetReadDeadline(time.Now().Add(e.Guests.Timeout)); err != nil {
		reject(http.StatusInternalServerError, fmt.Sprintf("read deadline not set: %v", err))
		return
	}
	place := e.Guests.Bodies.Acquire(from, func() {
		if err := socket.SetReadDeadline(time.Now()); err != nil {
			e.log.Debug("read deadline not set", "error", err)
		}
	})
	if place == nil {
		full()
		return
	}
	defer e.Guests.Bodies.Release(place)
	var req GuestRequest
	status, err := readGuestRequest(w, r, &req)
	if inTime := e.Guests.Bodies.StopWaiting(place); !inTime && err != nil {
		full()
		return
	} else if !inTime {
		h.Set("Connection", "close") // evicted at the moment at which the body was complete
	}
	if err != nil {
		if status == http.StatusRequestTimeout {
			e.metrics.HTTPRejected.WithLabelValues(metrics.RejectedSlow).Inc()
		}
		reject(status, err.Error())
		return
	}
	answer, status, err := e.IssueGuestToken(req, time.Now())
	if err != nil {
		http.Error(w, err.Error(), status)
		return
	}
	h.Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		e.log.Debug("guest token not sent", "error", err)
	}
}

// readGuestRequest reads the body until the read deadline of the socket. It returns the HTTP status for an error.
func readGuestRequest(w http.ResponseWriter, r *http.Request, into *GuestRequest) (status int, err error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxGuestBody))
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return http.StatusRequestEntityTooLarge, fmt.Errorf("body: must have at most %d bytes", MaxGuestBody)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusRequestTimeout, fmt.Errorf("body: must arrive within %v", GuestTimeout)
	case err != nil:
		return http.StatusBadRequest, fmt.Errorf("body: %w", err)
	case !utf8.Valid(body): // the JSON decoder would replace invalid bytes
		return http.StatusBadRequest, errors.New("body: must be UTF-8")
	}
	if err := json.Unmarshal(body, into); err != nil {
		return http.StatusBadRequest, fmt.Errorf(`body: must be {"name":NAME}, or {"name":NAME,"token":TOKEN} to continue as a guest: %w`, err)
	}
	return 0, nil
}

// IssueGuestToken returns a token, or an error with its HTTP status. Only a token that this server issued continues a guest.
func (e *Edge) IssueGuestToken(req GuestRequest, now time.Time) (a GuestResponse, status int, err error) {
	user := ""
	if req.Token != "" {
		was, err := e.sessions.Tokens.Connect(req.Token, now.Add(-GuestGrace))
		switch {
		case errors.Is(err, token.ErrExpired):
			return a, http.StatusUnauthorized, fmt.Errorf("token: expired more than %v ago: send the request without \"token\"", GuestGrace)
		case err != nil || !was.Guest || e.sessions.Moderation.IsRevoked(was.User, chat.TokenIdentity{ID: was.ID, IssuedAt: was.IssuedAt}):
			return a, http.StatusUnauthorized, errors.New("token: not a guest token of this server: send the request without \"token\"")
		}
		user = was.User
	}
	a.TTL = int(GuestLifetime / time.Second)
	if a.Token, err = e.sessions.Tokens.Guest(req.Name, user, now, GuestLifetime); err != nil {
		return a, http.StatusBadRequest, err
	}
	claims, err := e.sessions.Tokens.Connect(a.Token, now)
	if err != nil {
		return a, http.StatusInternalServerError, fmt.Errorf("verify the new token: %w", err)
	}
	a.User = claims.User
	return a, 0, nil
}
