package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"sync/atomic"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/audit"
	"github.com/throng-chat/throng/server/logqueue"
)

// access is who may use the paths of operators. Any goroutine may call its methods.
type access struct {
	// Constant.
	trusted bool // only this machine, or clients with a certificate, reach the port
	log     *slog.Logger
	reject  func(w http.ResponseWriter, status int, text string) // counts and sends a rejection

	password atomic.Pointer[[sha256.Size]byte] // nil for none
	warnings rate.Sometimes
}

func newAccess(trusted bool, log *slog.Logger, reject func(http.ResponseWriter, int, string)) *access {
	return &access{trusted: trusted, log: log, reject: reject, warnings: logqueue.EverySecond()}
}

// setPassword replaces the password of operators; empty for none.
func (ac *access) setPassword(to string) {
	if to == "" {
		ac.password.Store(nil)
		return
	}
	sum := sha256.Sum256([]byte(to))
	ac.password.Store(&sum)
}

// operators protects what changes the server, or reveals messages: without a password, such a path exists only where the port is trusted.
func (ac *access) operators(next http.Handler) http.Handler {
	checked := ac.checkPassword(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ac.password.Load() == nil && !ac.trusted {
			ac.reject(w, http.StatusForbidden,
				"the live page needs a password here, because the admin port is open to the network: set password under [live], or THRONG_LIVE_PASSWORD; "+
					"or let only this machine reach the port (admin = \"127.0.0.1:3001\"), or require client certificates (tls.admin-client-ca)")
			return
		}
		checked.ServeHTTP(w, r)
	})
}

// checkPassword requires the password, if there is one. The name of the user is that of the operator, for the audit log.
func (ac *access) checkPassword(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		want := ac.password.Load()
		if want == nil {
			next.ServeHTTP(w, r)
			return
		}
		_, given, sent := r.BasicAuth()
		sum := sha256.Sum256([]byte(given))
		if subtle.ConstantTimeCompare(sum[:], want[:]) == 1 {
			next.ServeHTTP(w, r)
			return
		}
		if sent {
			ac.warnings.Do(func() {
				ac.log.Warn("wrong password at the admin port; logged at most once per second", "address", r.RemoteAddr)
			})
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="throng", charset="UTF-8"`)
		ac.reject(w, http.StatusUnauthorized, "password: want that of [live] in the config file, or of THRONG_LIVE_PASSWORD, with any user name")
	})
}

// operator returns the actor of a request. With a password, its name is the user name that came with it.
func (ac *access) operator(r *http.Request) audit.Actor {
	by := audit.Actor{Type: audit.ByOperator, Address: r.RemoteAddr}
	if ac.password.Load() != nil {
		by.Name, _, _ = r.BasicAuth()
	}
	return by
}
