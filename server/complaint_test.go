package server

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// logged stores the log of a server.
type logged struct {
	testing.TB
	mu    sync.Mutex
	lines []string
}

func (l *logged) Logf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *logged) has(parts ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
next:
	for _, line := range l.lines {
		for _, part := range parts {
			if !strings.Contains(line, part) {
				continue next
			}
		}
		return true
	}
	return false
}

// The client receives the rejection of its token; the log has the reason.
func TestTheReasonOfARejectedTokenIsLogged(t *testing.T) {
	for _, tt := range []struct{ name, token, close, log string }{
		{"another secret", signed(map[string]any{"sub": "ann"}) + "A", "invalid token", "token rejected"},
		{"no JWT", "abc", "invalid token", "token rejected"},
		{"none", "", "bad request: token required", "guests are off"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log := &logged{TB: t}
			s := startServer(log, func(c *Config) {
				c.Token.HMACSecret, c.Guests = testSecret, "off"
			})
			c := dialSDK(t, s, "")
			c.sendLine(`{"id":1,"connect":{"token":%q}}`, tt.token)
			m, err := c.nextExceptPings()
			if err != nil || !strings.Contains(string(m.Payload), tt.close) {
				t.Errorf("got %q, %v; want the close to say %q", m.Payload, err, tt.close)
			}
			eventually(t, "the reason in the log", func() bool { return log.has("level=WARN", tt.log) })
		})
	}
}
