package chat

import (
	"fmt"
	"testing"
	"time"
)

// The number of sanctions is bounded. Expired sanctions are removed. Above the limit, the call returns an error, so no sanction is lost
// silently.
func TestSanctionsAreBoundedAndExpire(t *testing.T) {
	t.Parallel()
	now := time.Now()
	m := newModeration()
	m.Now = func() time.Time { return now }
	for i := range MaxSanctions {
		if !m.Ban(fmt.Sprint(i), "x", Term{Until: now.Add(time.Duration(1+i%2) * time.Hour)}) {
			t.Fatalf("sanction %d is one too many, want %d", i, MaxSanctions)
		}
	}
	for what, added := range map[string]bool{
		"a ban": m.Ban("one more", "x", Term{}), "a mute": m.Mute("one more", "x", Term{}),
		"a slow room": m.SetSlowMode("x", time.Second), "a revocation": m.Revoke("one more", "", Revocation{}),
	} {
		if added {
			t.Errorf("%s above the limit is kept", what)
		}
	}
	if !m.Ban("1", "x", Term{Until: now.Add(3 * time.Hour)}) {
		t.Error("an active sanction cannot be extended")
	}
	if !m.Denies("0", ToSubscribe, "x") {
		t.Error("a ban does not apply")
	}
	now = now.Add(time.Hour)
	if m.Denies("0", ToSubscribe, "x") || !m.Denies("1", ToSubscribe, "x") {
		t.Error("a ban does not apply exactly until its expiry")
	}
	if !m.Ban("one more", "x", Term{Until: now.Add(time.Minute)}) || len(m.Bans) != MaxSanctions/2+1 {
		t.Errorf("got %d bans, want the expired ones to be removed", len(m.Bans))
	}
	now = now.Add(2 * time.Hour)
	m.expire(now)
	if len(m.Bans) != 0 || m.anySanction.Load() {
		t.Errorf("got %d bans, want none", len(m.Bans))
	}
}
