//go:build !race

package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/throng-chat/throng/bench/result"
)

// Control characters in a response of a server do not reach the terminal.
func TestTextOfAServerCannotControlTheTerminal(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 503 \x1b]0;title\x07\x1b[2J\u009b31m"+strings.Repeat("x", 1000)+"\r\nContent-Length: 0\r\n\r\n")
	}))
	defer srv.Close()
	code, stdout, stderr := outcome(t, throng(t, "bench", "connect", srv.URL, "--connections", "3", "--no-floor"))
	if code != exitFailed || !strings.Contains(stderr, "HTTP 503 ?]0;title??[2J?31mxxx") || len(stderr) > 500 {
		t.Errorf("got exit %d: %q", code, stderr)
	}
	if strings.ContainsAny(stdout+stderr, "\x1b\x07\u009b") {
		t.Errorf("got %q%q", stdout, stderr)
	}
}

// storm and slow measure a floor, but without killed connections and stopped readers.
func TestStormsAndSlowReadersHaveTheirFloor(t *testing.T) {
	t.Parallel()
	for _, scenario := range []string{"storm", "slow"} {
		_, stdout, stderr := outcome(t, throng(t, "bench", scenario, "--connections", "100", "--rate", "50", "--duration", "1s", "--warmup", "0s", "--json"))
		r, err := result.Read(strings.NewReader(stdout))
		if err != nil {
			t.Fatalf("%s: %v: %s", scenario, err, stderr)
		}
		if f := r.Floor; f == nil || f.PerDelivery <= 0 {
			t.Errorf("%s: got the floor %+v, and the notes %q", scenario, f, r.Notes)
		}
	}
}
