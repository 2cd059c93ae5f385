package api

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/session"
)

// The server API is how the application speaks: POST /api/METHOD with the parameters as a JSON object. The answer is
// {"result":{}} or {"error":{"code":107,"message":"bad request: ..."}}, with status 200; or, where the request asks for it by the
// header X-Centrifugo-Error-Mode: transport, the error alone with a status of its own. methods.go has the methods,
// openapi.json describes them.
type API struct {
	hub      *session.Sessions
	key      [sha256.Size]byte // of the key
	MaxBody  int64
	uid      string // of this process, for "info"
	version  string // of the program, for "info"
	Methods  map[string]apiMethod
	Patience time.Duration // for what others have to do
}

const (
	Path        = "/api"
	OpenAPIPath = "/api/openapi.json"

	apiBodyTimeout = 5 * time.Second // for a request's body
	apiPatience    = 5 * time.Second // for what others have to do, of one request
)

//go:embed openapi.json
var OpenAPI []byte

// Config is the part of Config that is about the server API.
type Config struct {
	Key        string // empty for no API
	Version    string // of the program; empty for that of the server
	MaxMessage int    // bytes
}

// New is nil where no key is configured.
func New(h *session.Sessions, cfg Config) *API {
	if cfg.Key == "" {
		return nil
	}
	// Room for one message in base64 and what is said of it.
	return &API{
		hub:      h,
		key:      sha256.Sum256([]byte(cfg.Key)),
		MaxBody:  max(1<<20, 2*int64(cfg.MaxMessage)),
		uid:      session.RandomWord(16),
		version:  cmp.Or(cfg.Version, session.ServerVersion),
		Methods:  ApiMethods(),
		Patience: apiPatience,
	}
}

// Is is for the paths that the server API answers.
func Is(r *http.Request) bool {
	return r.URL.Path == Path || strings.HasPrefix(r.URL.Path, Path+"/")
}

func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == OpenAPIPath && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		w.Header().Set("Content-Type", "application/json")
		if _, err := w.Write(OpenAPI); err != nil {
			return // the asker has gone
		}
		return
	}
	switch {
	case !a.Knows(KeyOf(r)):
		w.Header().Set("WWW-Authenticate", "apikey")
		a.refuse(w, http.StatusUnauthorized, unauthorized(r))
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		a.refuse(w, http.StatusMethodNotAllowed, badRequest("want POST, not %s", r.Method))
		return
	}
	body, err := a.read(w, r)
	if err != nil {
		status := http.StatusBadRequest
		if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
			status = http.StatusRequestEntityTooLarge
		}
		a.refuse(w, status, badRequest("%v", err))
		return
	}
	name := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, Path), "/")
	if name == "" {
		a.serveLines(w, r, body)
		return
	}
	if !json.Valid(body) {
		a.refuse(w, http.StatusBadRequest, badRequest("%v", errNotJSON))
		return
	}
	a.serveOne(w, r, namedCommand{Method: name, Params: body})
}

// serveLines answers POST /api: a command that says its method, or several.
func (a *API) serveLines(w http.ResponseWriter, r *http.Request, body []byte) {
	lines, err := bodyLines(body)
	if err != nil {
		refused := refusedParams{badRequest("%v", errNotJSON)}
		errors.As(err, &refused)
		a.refuse(w, http.StatusBadRequest, refused.told)
		return
	}
	if len(lines) > 1 {
		answer := NewAPIAnswer(w, http.StatusOK)
		answer.Value(r.Context(), Replies{api: a, commands: lines, lines: true})
		answer.End(r.Context())
		return
	}
	command, e := named(lines[0])
	if e != nil {
		a.refuse(w, http.StatusBadRequest, e)
		return
	}
	a.serveOne(w, r, command)
}

// serveOne calls a method and answers.
func (a *API) serveOne(w http.ResponseWriter, r *http.Request, command namedCommand) {
	if a.Methods[command.Method] == nil {
		a.refuse(w, http.StatusNotFound, a.noMethod(command.Method))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), a.Patience)
	result, e := a.Call(ctx, command.Method, command.Params)
	cancel()
	status := http.StatusOK
	inTransport := e != nil && r.Header.Get("X-Centrifugo-Error-Mode") == "transport"
	if inTransport {
		status = HttpStatus(e)
	}
	answer := NewAPIAnswer(w, status)
	switch _, isBatch := result.(Replies); {
	case inTransport:
		answer.Value(r.Context(), e)
	case isBatch && e == nil:
		answer.Value(r.Context(), result)
	default:
		WriteReply(r.Context(), answer, command.ID, result, e)
	}
	answer.End(r.Context())
}

// KeyOf is the key that a request brings, wherever it brings it.
func KeyOf(r *http.Request) string {
	if key := r.Header.Get("X-API-Key"); key != "" {
		return key
	}
	if scheme, key, is := strings.Cut(r.Header.Get("Authorization"), " "); is && strings.EqualFold(scheme, "apikey") {
		return strings.TrimSpace(key)
	}
	return r.URL.Query().Get("api_key")
}

// unauthorized is error 101, and what was expected. It tells nothing of the key.
func unauthorized(r *http.Request) *protocol.Error {
	brought := "the request has no API key"
	switch scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " "); {
	case KeyOf(r) != "":
		brought = "the API key is not the one of this server"
	case scheme != "" && !strings.EqualFold(scheme, "apikey"):
		brought = fmt.Sprintf("the scheme of Authorization is %q", logqueue.Clip(scheme))
	}
	return &protocol.Error{Code: session.ErrUnauthorized.Code, Message: "unauthorized: " + brought +
		": want the key under [api] in the config file, or of THRONG_API_KEY, as \"X-API-Key: KEY\", \"Authorization: apikey KEY\" or ?api_key=KEY"}
}

// Knows says whether a key is ours, in a time that does not tell how much of it is right.
func (a *API) Knows(key string) bool {
	sum := sha256.Sum256([]byte(key))
	return subtle.ConstantTimeCompare(sum[:], a.key[:]) == 1
}

// read takes the body in, within bounds. One that is not there is no parameters.
func (a *API) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(apiBodyTimeout)); err != nil {
		a.hub.Log.Debug("body not limited in time", "error", err)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, a.MaxBody))
	switch {
	case err != nil:
		return nil, fmt.Errorf("body: %w", err)
	case len(bytes.TrimSpace(body)) == 0:
		return []byte("{}"), nil
	}
	return body, nil
}

var errNotJSON = errors.New("body: want one JSON object, or for POST " + Path + " one on each line")

// refuse answers what is no call of a method. What else was on its way is not waited for.
func (a *API) refuse(w http.ResponseWriter, status int, e *protocol.Error) {
	a.hub.Metrics.ApiRequests.WithLabelValues("refused", session.ErrorLabel(e)).Inc()
	w.Header().Set("Connection", "close")
	if err := http.NewResponseController(w).SetReadDeadline(time.Now()); err != nil {
		a.hub.Log.Debug("body not cut off", "error", err)
	}
	answer := NewAPIAnswer(w, status)
	answer.Value(context.Background(), reply{Error: e})
	answer.End(context.Background()) // the connection ends behind it
}

// HttpStatus is that of an error in the transport mode.
func HttpStatus(e *protocol.Error) int {
	switch e.Code {
	case session.ErrUnauthorized.Code:
		return http.StatusUnauthorized
	case session.ErrUnknownChannel.Code, session.ErrNoMethod.Code:
		return http.StatusNotFound
	case session.ErrDenied.Code:
		return http.StatusForbidden
	case session.ErrBadRequest.Code, session.ErrNotAvailable.Code, session.ErrLimit.Code, session.ErrAlreadyIn.Code:
		return http.StatusBadRequest
	case session.ErrTooManyRequests.Code:
		return http.StatusTooManyRequests
	case session.ErrUnrecoverable.Code:
		return http.StatusRequestedRangeNotSatisfiable
	}
	return http.StatusInternalServerError
}

// badRequest is error 107, and what is wrong.
func badRequest(format string, args ...any) *protocol.Error {
	return &protocol.Error{Code: session.ErrBadRequest.Code, Message: "bad request: " + fmt.Sprintf(format, args...)}
}

// notAvailable returns error 108 with the setting that is missing. Clients are not told: it is the application's to change.
func notAvailable(why string) *protocol.Error {
	return &protocol.Error{Code: session.ErrNotAvailable.Code, Message: session.ErrNotAvailable.Message + ": " + why}
}

// overLimit is error 106, and which limit.
func overLimit(format string, args ...any) *protocol.Error {
	return &protocol.Error{Code: session.ErrLimit.Code, Message: "limit exceeded: " + fmt.Sprintf(format, args...)}
}
