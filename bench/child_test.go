package bench

import (
	"context"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

const childEnv = "BENCH_TEST_CHILD" // the address at which the test binary listens

// TestAsAServer is not a test. It is the server of the next test, in its own process, and does not handle signals.
func TestAsAServer(t *testing.T) {
	address := os.Getenv(childEnv)
	if address == "" {
		t.Skip("runs only as the server of another test")
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	time.Sleep(time.Minute) // until the other test ends it
}

func shell(script string) func(string) []string {
	return func(address string) []string {
		return []string{"/bin/sh", "-c", strings.ReplaceAll(script, "ADDRESS", address)}
	}
}

func TestAServerMayEndByTheSignal(t *testing.T) {
	t.Parallel()
	c, err := StartCommand(t.Context(), shell(childEnv+"=ADDRESS exec "+os.Args[0]+" -test.run '^TestAsAServer$'"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(); err != nil {
		t.Errorf("got %v", err)
	}
	if c.err == nil {
		t.Error("the server did not end by the signal, so the test does not test anything")
	}
}

func TestAServerThatDoesNotStartIsExplainedOnce(t *testing.T) {
	t.Parallel()
	_, err := StartCommand(t.Context(), shell("echo no such flag; exit 3"))
	if err == nil || err.Error() != "start a server: the process exited (exit status 3): no such flag" {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := StartCommand(ctx, shell("exec sleep 60")); err == nil || !strings.Contains(err.Error(), "no listener on 127.0.0.1:") {
		t.Errorf("a server that never listens: got %v", err)
	}
}

func TestATakenAddressIsReplaced(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		script string
		starts int
	}{
		{"echo address already in use; exit 3", 3},
		{"echo no such flag; exit 3", 1},
	} {
		addresses := map[string]bool{}
		_, err := StartCommand(t.Context(), func(address string) []string {
			addresses[address] = true
			return shell(tt.script)(address)
		})
		if err == nil || len(addresses) != tt.starts {
			t.Errorf("%s: got %d starts, %v; want %d and an error", tt.script, len(addresses), err, tt.starts)
		}
	}
}
