//go:build !nonats

package natsbroker

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// Lines that differ only in the port and the number of a connection are one line a minute, with the number of the others. Other lines are not held back.
func TestARepeatedMessageOfTheEngineIsCounted(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	sl := &serverLog{to: slog.New(slog.NewTextHandler(&logged, nil))}
	for i := range 100 {
		sl.Errorf(fmt.Sprintf("127.0.0.1:%d - rid:%d - TLS route handshake error: %%v", 40000+i, i), "bad certificate")
		sl.Warnf("another process asked: process %d on host since %s", i, time.Now().Format(time.RFC3339Nano))
	}
	sl.Errorf("10.0.0.2:41000 - rid:7 - TLS route handshake error: %v", "bad certificate")
	if got := strings.Count(logged.String(), "\n"); got != 3 {
		t.Fatalf("got %d lines, want 3:\n%s", got, logged.String())
	}
	logged.Reset()
	sl.showRepeated(time.Now())
	if logged.Len() > 0 {
		t.Errorf("at once: got %s", logged.String())
	}
	later := time.Now().Add(repeatedAgain)
	sl.showRepeated(later)
	if got := strings.Count(logged.String(), "repeated=99"); got != 2 || !strings.Contains(logged.String(), "127.0.0.1:40099 - rid:99 - TLS") {
		t.Errorf("after a minute: got %s, want 2 lines that stand for 99, with the last text", logged.String())
	}
	logged.Reset()
	sl.showRepeated(later.Add(repeatedAgain))
	if logged.Len() > 0 || len(sl.repeats.of) > 0 {
		t.Errorf("after a minute without one: got %s and %d things", logged.String(), len(sl.repeats.of))
	}
	sl.Errorf("10.0.0.2:41000 - rid:7 - TLS route handshake error: %v", "bad certificate")
	if logged.Len() == 0 {
		t.Error("a line after a pause is held back")
	}
	for i := range 2 * maxRepeatedLines {
		sl.Errorf("thing %s", strings.Repeat("x", i))
	}
	if len(sl.repeats.of) > maxRepeatedLines {
		t.Errorf("got %d things, want %d at most", len(sl.repeats.of), maxRepeatedLines)
	}
}
