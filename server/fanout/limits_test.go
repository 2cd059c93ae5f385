package fanout

import (
	"testing"

	"github.com/throng-chat/throng/server/ws"
)

func TestLimitsAreReplacedAtOnce(t *testing.T) {
	t.Parallel()
	e := newTestEngine(Config{MaxUnsent: 1 << 20})
	cfg := Config{MaxConnections: 2, MaxMessage: 16 << 20, Frames: 5, RateBytes: 100, MaxUnsent: 10, MaxRetained: 1 << 30}
	e.SetLimits(cfg)
	for i, want := range []bool{true, true, false} {
		if got := e.Reserve(); got != want {
			t.Errorf("connection %d: got a place %t, want %t", i, got, want)
		}
	}
	want := newLimits(cfg)
	if got := e.Limits(); *got != *want || got.Rules.MaxMessage != 16<<20 || got.MaxRetainedAudience != 1<<27 {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := e.Unfinished.Most; got != BudgetMessages*16<<20 {
		t.Errorf("got %d bytes of unfinished messages, want %d", got, BudgetMessages*16<<20)
	}
	cfg.MaxConnections = 1
	e.SetLimits(cfg) // below the number of connections
	if e.Reserve() {
		t.Error("got a place above a lowered limit")
	}
	e.Release()
	e.Release()
	if !e.Reserve() {
		t.Error("got no place below the limit")
	}
}

// A message that has begun within a higher limit ends as one that is too big, without a negative size.
func TestALoweredLimitHoldsForTheRestOfAMessage(t *testing.T) {
	t.Parallel()
	var d ws.Decoder
	const fin, text, mask = 0x80, 1, 0x80
	first := append([]byte{text, mask | 100, 0, 0, 0, 0}, make([]byte, 100)...)
	if _, _, err := d.Next(&ws.Rules{MaxMessage: 1000, MaxFragments: 2}, first); err != nil {
		t.Fatal(err)
	}
	last := []byte{fin, mask | 1, 0, 0, 0, 0, 'x'}
	_, _, err := d.Next(&ws.Rules{MaxMessage: 50, MaxFragments: 2}, last)
	if bad, ok := err.(*ws.CloseError); !ok || bad.Code != ws.CloseTooBig {
		t.Errorf("got %v, want close %d", err, ws.CloseTooBig)
	}
}
