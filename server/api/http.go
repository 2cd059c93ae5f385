package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/audit"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/tracing"
)

const (
	apiBodyTimeout = 5 * time.Second // to receive the body of a request
	callTimeout    = 5 * time.Second // of one request, for the work of pollers and shards
)

// Config has the settings of the server API.
type Config struct {
	Access  Access
	Audit   *audit.Log // of calls that change something; nil for none
	Version string     // of the program, for the method info; empty: session.ServerVersion
}

// New returns an API. It is off if Access has no key.
func New(h *session.Sessions, cfg Config) *API {
	a := &API{
		sessions: h,
		audit:    cfg.Audit,
		uid:      session.RandomID(16),
		version:  cmp.Or(cfg.Version, session.ServerVersion),
		Methods:  APIMethods(),
		Timeout:  callTimeout,
	}
	a.SetAccess(cfg.Access)
	return a
}

func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == OpenAPIPath && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		w.Header().Set("Content-Type", "application/json")
		if _, err := w.Write(OpenAPI); err != nil {
			return // the caller has disconnected
		}
		return
	}
	caller := a.Caller(KeyOf(r))
	switch {
	case caller == nil:
		w.Header().Set("WWW-Authenticate", "apikey")
		a.reject(w, http.StatusUnauthorized, unauthorized(r))
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		a.reject(w, http.StatusMethodNotAllowed, badRequest("want POST, not %s", r.Method))
		return
	}
	a.serve(w, r.WithContext(As(r.Context(), caller, r.RemoteAddr)), strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, Path), "/"))
}

// ServeOperator handles a call of a method by an operator. The admin port has authenticated the operator, who needs no API key and may call all
// methods. It also serves while the API is off.
func (a *API) ServeOperator(w http.ResponseWriter, r *http.Request, method string, by audit.Actor) {
	caller := &Caller{Name: by.Name, Role: RoleAll, operator: true}
	a.serve(w, r.WithContext(As(r.Context(), caller, by.Address)), method)
}

// serve handles a call of the caller in the context of r: of one method, or, with an empty name, of those in the body.
func (a *API) serve(w http.ResponseWriter, r *http.Request, name string) {
	r, span := a.beginSpan(r, name)
	defer span.End()
	body, err := a.read(w, r)
	if err != nil {
		status := http.StatusBadRequest
		if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
			status = http.StatusRequestEntityTooLarge
		}
		a.reject(w, status, badRequest("%v", err))
		return
	}
	if name == "" {
		a.serveLines(w, r, body, span)
		return
	}
	if !json.Valid(body) {
		a.reject(w, http.StatusBadRequest, badRequest("%v", errNotJSON))
		return
	}
	a.serveOne(w, r, namedCommand{Method: name, Params: body}, span)
}

// serveLines handles POST /api: one command with its method, or several.
func (a *API) serveLines(w http.ResponseWriter, r *http.Request, body []byte, span tracing.Span) {
	lines, err := bodyLines(body)
	if err != nil {
		invalid := paramsError{badRequest("%v", errNotJSON)}
		errors.As(err, &invalid)
		a.reject(w, http.StatusBadRequest, invalid.cause)
		return
	}
	if len(lines) > 1 {
		response := NewResponse(w, http.StatusOK)
		response.Value(r.Context(), Replies{api: a, commands: lines, lines: true})
		response.End(r.Context())
		return
	}
	command, e := named(lines[0])
	if e != nil {
		a.reject(w, http.StatusBadRequest, e)
		return
	}
	span.Rename(logqueue.Clip(command.Method))
	a.serveOne(w, r, command, span)
}

// serveOne calls one method and writes its reply.
func (a *API) serveOne(w http.ResponseWriter, r *http.Request, command namedCommand, span tracing.Span) {
	if a.Methods[command.Method] == nil {
		a.reject(w, http.StatusNotFound, a.noMethod(command.Method))
		return
	}
	if e := callOf(r.Context()).caller.deny(command.Method); e != nil {
		a.record(r.Context(), command.Method, command.Params, e)
		a.reject(w, http.StatusForbidden, e)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), a.Timeout)
	result, e := a.Call(ctx, command.Method, command.Params)
	cancel()
	note(span, e)
	status := http.StatusOK
	inTransport := e != nil && r.Header.Get("X-Centrifugo-Error-Mode") == "transport"
	if inTransport {
		status = HTTPStatus(e)
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfterSeconds)
	}
	response := NewResponse(w, status)
	switch _, isBatch := result.(Replies); {
	case inTransport:
		response.Value(r.Context(), e)
	case isBatch && e == nil:
		response.Value(r.Context(), result)
	default:
		WriteReply(r.Context(), response, command.ID, result, e)
	}
	response.End(r.Context())
}

// MaxBody returns the limit of the body of a request in bytes, for the max-message of the server.
func MaxBody(maxMessage int) int64 { return max(1<<20, 2*int64(maxMessage)) }

// read returns the body, of MaxBody bytes at most. An empty body is {}.
func (a *API) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(apiBodyTimeout)); err != nil {
		a.sessions.Log.Debug("no read deadline for the body", "error", err)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody(a.sessions.Limits().Rules.MaxMessage)))
	switch {
	case err != nil:
		return nil, fmt.Errorf("body: %w", err)
	case len(bytes.TrimSpace(body)) == 0:
		return []byte("{}"), nil
	}
	return body, nil
}

// reject writes an error response and closes the connection without reading the rest of the body.
func (a *API) reject(w http.ResponseWriter, status int, e *protocol.Error) {
	a.CountRefused(e)
	w.Header().Set("Connection", "close")
	if err := http.NewResponseController(w).SetReadDeadline(time.Now()); err != nil {
		a.sessions.Log.Debug("no read deadline for the rest of the body", "error", err)
	}
	response := NewResponse(w, status)
	response.Value(context.Background(), reply{Error: e})
	response.End(context.Background()) // net/http closes the connection after it
}
