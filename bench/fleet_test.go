package bench

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/throng-chat/throng/bench/result"
)

// An agent that has all it waited for is done long before one that misses something, and is no agent that was lost.
func TestAnAgentMayBeDoneBeforeTheOthers(t *testing.T) {
	t.Parallel()
	cfg := testConfig(startRoom(t, func(_ *echoRoom, member, n int, m []byte) [][]byte {
		if member == 20 && n == 100 {
			return nil
		}
		return [][]byte{m}
	}))
	cfg.Agents = 2
	r, err := Run(t.Context(), cfg, nil)
	if err != nil || r.Verdict.Code != result.Broken || r.Delivery.Faults != (result.Faults{Lost: 1}) {
		t.Errorf("got %v, %+v, want one lost", err, r)
	}
}

// An agent that is busy takes the connection and says nothing: that is no word about its token.
func TestABusyAgentIsNotCalledAWrongToken(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		if c, err := ln.Accept(); err == nil {
			_, _ = io.Copy(io.Discard, c) // until the bench has had enough
			_ = c.Close()
		}
	}()
	_, err = dialAgent(t.Context(), ln.Addr().String(), "a token of sixteen")
	if err == nil || strings.Contains(err.Error(), "token") || !strings.Contains(err.Error(), "serves another bench") {
		t.Errorf("got %v", err)
	}
}
