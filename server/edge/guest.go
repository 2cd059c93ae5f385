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

// GuestPath is where somebody without an account gets a token, so that there is one way in: POST {"name":"Ann"}, answered by
// {"token":"...","user":"guest:...","ttl":600}. With {"name":"Ann","token":OLD} the guest stays the same user, under that name.
const GuestPath = "/connection/guest"

const (
	GuestLifetime = 10 * time.Minute // of a token: the page asks again before it ends
	GuestGrace    = 10 * time.Minute // a token that ended so lately still says who somebody was
	MaxGuestBody  = 8 << 10
)

type GuestRequest struct {
	Name  string `json:"name"`
	Token string `json:"token"` // of the guest it was until now; empty for a new one
}

type GuestAnswer struct {
	Token string `json:"token"`
	User  string `json:"user"`
	TTL   int    `json:"ttl"` // seconds
}

// serveGuest answers GuestPath. It is no more for pages of other origins than the sockets are.
func (e *Edge) serveGuest(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Origin")
	refuse := func(status int, text string) {
		e.leaveBody(w, r)
		http.Error(w, text, status)
	}
	if !e.origins.Allow(ws.FieldOf(r.Header["Origin"]), r.Host) {
		refuse(http.StatusForbidden, foreignOrigin(r.Header.Get("Origin")))
		return
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		h.Set("Access-Control-Allow-Origin", origin)
	}
	from := e.proxies.sourceOf(r)
	switch {
	case r.Method == http.MethodOptions:
		// Browsers ask before a page of another origin sends JSON.
		h.Set("Access-Control-Allow-Methods", http.MethodPost)
		h.Set("Access-Control-Allow-Headers", "Content-Type")
		e.leaveBody(w, r)
		w.WriteHeader(http.StatusNoContent)
		return
	case r.Method != http.MethodPost:
		h.Set("Allow", "POST, OPTIONS")
		refuse(http.StatusMethodNotAllowed, "only POST")
		return
	case !e.hub.Guests:
		refuse(http.StatusForbidden, "guests are not let in: connect with a token, or start the server with --guests on")
		return
	case !e.Guests.MayAsk(from, e.hub.Clock.Now()):
		e.metrics.HttpRefused.WithLabelValues(metrics.RefusedRate).Inc()
		h.Set("Retry-After", retryAfterSeconds)
		refuse(http.StatusTooManyRequests, fmt.Sprintf("more than %d guests a second from this address: come back later", GuestRate))
		return
	}
	e.answerGuest(w, r, from, refuse)
}

// answerGuest takes one of the places of guest requests, waits for the body, and answers with a token.
func (e *Edge) answerGuest(w http.ResponseWriter, r *http.Request, from netip.Addr, refuse func(status int, text string)) {
	h := w.Header()
	full := func() {
		e.metrics.HttpRefused.WithLabelValues(metrics.RefusedFull).Inc()
		h.Set("Retry-After", retryAfterSeconds)
		refuse(http.StatusServiceUnavailable, fmt.Sprintf("%d guest requests in progress: retry after %s s", maxGuestsWait, retryAfterSeconds))
	}
	socket := http.NewResponseController(w)
	if err := socket.SetReadDeadline(time.Now().Add(e.Guests.Timeout)); err != nil {
		refuse(http.StatusInternalServerError, fmt.Sprintf("time for the body not limited: %v", err))
		return
	}
	place := e.Guests.Bodies.Enter(from, func() {
		if err := socket.SetReadDeadline(time.Now()); err != nil {
			e.log.Debug("body not cut off", "error", err)
		}
	})
	if place == nil {
		full()
		return
	}
	defer e.Guests.Bodies.Leave(place)
	var req GuestRequest
	status, err := readGuest(w, r, &req)
	if inTime := e.Guests.Bodies.Arrived(place); !inTime && err != nil {
		full()
		return
	} else if !inTime {
		h.Set("Connection", "close") // the body came at the same moment
	}
	if err != nil {
		if status == http.StatusRequestTimeout {
			e.metrics.HttpRefused.WithLabelValues(metrics.RefusedSlow).Inc()
		}
		refuse(status, err.Error())
		return
	}
	answer, status, err := e.AdmitGuest(req, time.Now())
	if err != nil {
		http.Error(w, err.Error(), status)
		return
	}
	h.Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		e.log.Debug("guest not answered", "error", err)
	}
}

// readGuest reads the body, until the deadline of the socket, or says with which status it is refused.
func readGuest(w http.ResponseWriter, r *http.Request, into *GuestRequest) (status int, err error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxGuestBody))
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return http.StatusRequestEntityTooLarge, fmt.Errorf("body: want %d bytes at most", MaxGuestBody)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusRequestTimeout, fmt.Errorf("body: want it within %v", GuestTimeout)
	case err != nil:
		return http.StatusBadRequest, fmt.Errorf("body: %w", err)
	case !utf8.Valid(body): // JSON's decoder would mend it
		return http.StatusBadRequest, errors.New("body: want UTF-8")
	}
	if err := json.Unmarshal(body, into); err != nil {
		return http.StatusBadRequest, fmt.Errorf(`body: want {"name":NAME}, and "token" for who has been a guest before: %w`, err)
	}
	return 0, nil
}

// AdmitGuest makes the token, or says with which status it is refused. Who a guest is, only a token of ours can say.
func (e *Edge) AdmitGuest(req GuestRequest, now time.Time) (a GuestAnswer, status int, err error) {
	user := ""
	if req.Token != "" {
		was, err := e.hub.Tokens.Connect(req.Token, now.Add(-GuestGrace))
		switch {
		case errors.Is(err, token.ErrExpired):
			return a, http.StatusUnauthorized, fmt.Errorf("token: it ended more than %v ago: ask without it, to be somebody new", GuestGrace)
		case err != nil || !was.Guest || e.hub.Moderation.Refuses(was.User, chat.Credential{Id: was.ID, Issued: was.IssuedAt}):
			return a, http.StatusUnauthorized, errors.New("token: it is no guest's of this server: ask without it, to be somebody new")
		}
		user = was.User
	}
	a.TTL = int(GuestLifetime / time.Second)
	if a.Token, err = e.hub.Tokens.Guest(req.Name, user, now, GuestLifetime); err != nil {
		return a, http.StatusBadRequest, err
	}
	claims, err := e.hub.Tokens.Connect(a.Token, now)
	if err != nil {
		return a, http.StatusInternalServerError, fmt.Errorf("the new token is not believed: %w", err)
	}
	a.User = claims.User
	return a, 0, nil
}
