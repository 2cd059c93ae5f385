package home

import (
	"testing"
	"time"
)

// A record stays for the life of a key, also if a clock was ahead when it was written.
func TestAKeyOfTheFutureKeepsItsRecordForItsLifeOnly(t *testing.T) {
	t.Parallel()
	h := &Home{cfg: Config{KeepKeys: time.Minute}}
	now := time.Now()
	if got, want := h.endOfKey(now.UnixMilli()), now.Add(time.Minute); want.Sub(got) >= time.Millisecond || got.After(want) {
		t.Errorf("got %v for a key of now, want %v", got, want)
	}
	if got := h.endOfKey(now.AddDate(1, 0, 0).UnixMilli()); got.After(time.Now().Add(time.Minute)) {
		t.Errorf("got %v for a key of the next year, want at most a minute from now", got)
	}
}
