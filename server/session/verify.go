package session

import (
	"errors"
	"time"
)

// errVerifying is for a token that is not looked at, as too many are being looked at.
var errVerifying = errors.New("too many tokens are being verified")

// MaxVerifying is how many tokens of slow algorithms may wait to be verified. Half of the cores verify them.
const MaxVerifying = 1024

// checkToken calls then with what check makes of a token: at once, or, where the signature takes milliseconds, when it has been verified
// off the loop. Until then the client's next command waits. Called on the poller, and so is then; it is not called where the connection
// has ended meanwhile.
func checkToken[C any](s *Session, text string, check func(text string, now time.Time) (C, error), then func(C, error)) {
	if !s.Hub.Tokens.Slow(text) {
		claims, err := check(text, time.Now())
		then(claims, err)
		return
	}
	if s.State == opened {
		s.beginAsking() // the API may name its user meanwhile
	}
	s.Await(s.Hub.Verifiers, func() func() {
		claims, err := check(text, time.Now())
		return func() { then(claims, err) }
	}, func() {
		var none C
		then(none, errVerifying)
	})
}
