package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"slices"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/session"
)

// DefaultKey is the name of the key that has no name: api.key, or THRONG_API_KEY.
const DefaultKey = "default"

// Key is an API key. Its holder may call the methods of its role.
type Key struct {
	Name   string // for the log and for rejections
	Role   Role
	Secret string
}

// Ports of the API: the values of Access.On.
const (
	OnListen = "listen" // the public ports
	OnAdmin  = "admin"
)

// Access is who may use the API, and where. Without a key, the API is off.
type Access struct {
	Keys []Key
	On   string // OnListen or OnAdmin
}

// access is an Access as requests read it. It is immutable.
type access struct {
	callers []Caller
	on      string
}

// Caller is the holder of an API key, or an operator. It is immutable.
type Caller struct {
	Name     string // of the key, or of the operator
	Role     Role
	operator bool              // at the admin port, without a key
	sum      [sha256.Size]byte // of the secret
}

// SetAccess replaces the keys and the port. A call that has begun keeps the caller that it has. Any goroutine may call it.
func (a *API) SetAccess(to Access) {
	now := &access{on: to.On}
	for _, k := range to.Keys {
		now.callers = append(now.callers, Caller{Name: k.Name, Role: k.Role, sum: sha256.Sum256([]byte(k.Secret))})
	}
	a.access.Store(now)
}

// Serves reports whether the API is on, at a port: OnListen or OnAdmin.
func (a *API) Serves(port string) bool {
	now := a.access.Load()
	return now.on == port && len(now.callers) > 0
}

// Caller returns the holder of a key; nil for a wrong key. It takes the same time for every wrong key.
func (a *API) Caller(key string) (found *Caller) {
	sum := sha256.Sum256([]byte(key))
	now := a.access.Load()
	for i := range now.callers { // to the end, also after the right key
		if c := &now.callers[i]; subtle.ConstantTimeCompare(sum[:], c.sum[:]) == 1 {
			found = c
		}
	}
	return found
}

// Authorized reports whether key is one of the configured keys.
func (a *API) Authorized(key string) bool { return a.Caller(key) != nil }

// callKey is the key of the call in the context of a method.
type callKey struct{}

// call is the caller of a method, and the address of its peer.
type call struct {
	caller  *Caller
	address string
}

// As returns a context for calls of a caller. address is that of its peer, for the audit log. A call without a caller is denied.
func As(ctx context.Context, c *Caller, address string) context.Context {
	return context.WithValue(ctx, callKey{}, call{c, address})
}

// callOf returns the caller of a method.
func callOf(ctx context.Context) call {
	if c, ok := ctx.Value(callKey{}).(call); ok && c.caller != nil {
		return c
	}
	return call{caller: &nobody}
}

var nobody = Caller{Name: "none", Role: "none"}

// deny returns error 103 if the role of the caller does not allow a method; else nil.
func (ca *Caller) deny(method string) *protocol.Error {
	if ca.Role.allows(method) {
		return nil
	}
	instead := string(RoleAll)
	for _, role := range Roles {
		if role != RoleAll && slices.Contains(methodsOf[role], method) {
			instead += " or " + string(role)
		}
	}
	return &protocol.Error{Code: session.ErrDenied.Code, Message: "permission denied: the API key \"" + ca.Name + "\" has the role " +
		string(ca.Role) + ", which does not allow " + method + ": use a key with the role " + instead}
}
