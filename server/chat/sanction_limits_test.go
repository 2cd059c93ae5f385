package chat

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// The bytes of reasons are those of the bans and mutes that are stored: a replaced, lifted or expired one gives them back.
func TestBytesOfReasonsAreThoseOfStoredSanctions(t *testing.T) {
	t.Parallel()
	now := time.Now()
	m := newModeration()
	m.Now = func() time.Time { return now }
	want := func(what string, bytes int) {
		t.Helper()
		if m.reasons != bytes {
			t.Errorf("%s: got %d bytes, want %d", what, m.reasons, bytes)
		}
	}
	m.Ban("ann", "", Term{Reason: "four"})
	m.Ban("ann", "x", Term{Until: now.Add(time.Minute), Reason: "seven.."})
	m.Mute("ann", "x", Term{Reason: "one"})
	want("three reasons", 14)
	m.Ban("ann", "", Term{Reason: "fi"})
	want("a shorter one", 12)
	m.Unmute("ann", "x")
	m.Unmute("ann", "x")
	want("an unmute", 9)
	now = now.Add(2 * time.Minute)
	m.expire(now)
	want("an end", 2)
	m.Unban("ann", "")
	want("an unban", 0)
}

// A sanction that is being stored has its bytes, and a sanction that has ended gives its own back.
func TestReservedReasonsCount(t *testing.T) {
	t.Parallel()
	now := time.Now()
	m := newModeration()
	m.Now = func() time.Time { return now }
	why := strings.Repeat("x", MaxSanctionReason)
	ban := func(user string) Sanction { return Sanction{Kind: SanctionBan, User: user, Reason: why} }
	m.Ban("ends", "", Term{Until: now.Add(time.Minute), Reason: why})
	m.reasons = MaxReasonBytes - len(why) // as with many others
	release, err := m.reserve(ban("first"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.reserve(ban("second")); !errors.Is(err, ErrReasons) {
		t.Errorf("one too many: got %v, want ErrReasons", err)
	}
	if _, err := m.reserve(ban("ends")); err != nil {
		t.Errorf("the same reason again: %v", err)
	}
	release()
	now = now.Add(time.Hour)
	if _, err := m.reserve(ban("second")); err != nil {
		t.Errorf("after an end: %v", err)
	}
}

// A value with a reason has the version of the values without one: a node of the version before applies it and ignores the reason.
func TestAStoredReasonNeedsNoNewVersion(t *testing.T) {
	t.Parallel()
	with := Sanction{Kind: SanctionBan, User: "ann", Room: "x", Reason: "spam"}
	value, err := with.value()
	if want := `{"v":1,"kind":"ban","user":"ann","room":"x","reason":"spam"}`; err != nil || string(value) != want {
		t.Errorf("got %s, %v; want %s", value, err, want)
	}
	if got, err := decodeSanction(value); err != nil || got != with {
		t.Errorf("got %+v, %v; want %+v", got, err, with)
	}
	old, err := decodeSanction([]byte(`{"v":1,"kind":"ban","user":"ann","room":"x"}`))
	if without := (Sanction{Kind: SanctionBan, User: "ann", Room: "x"}); err != nil || old != without || old.key() != with.key() {
		t.Errorf("a value without a reason: got %+v with the key %s, %v; want %+v with the key %s", old, old.key(), err, without, with.key())
	}
}
