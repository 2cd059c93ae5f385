package bench

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/throng-chat/throng/bench/result"
)

// An agent that has received everything ends long before one that still waits. Its end is not the loss of an agent.
func TestAnAgentMayEndBeforeTheOthers(t *testing.T) {
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

// A busy agent accepts the connection and sends nothing. That does not mean that the token is wrong.
func TestABusyAgentIsNotAWrongToken(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		if c, err := ln.Accept(); err == nil {
			_, _ = io.Copy(io.Discard, c) // until the bench closes the connection
			_ = c.Close()
		}
	}()
	_, err = dialAgent(t.Context(), ln.Addr().String(), "a token of sixteen")
	if err == nil || strings.Contains(err.Error(), "token") || !strings.Contains(err.Error(), "serves another bench") {
		t.Errorf("got %v", err)
	}
}
