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

// A reason is one line that a reader can read, and it does not change the text around it. The error names the character.
func TestAReasonIsOneReadableLine(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{"", "the same link again", "太吵", "ضوضاء", "👩\u200D💻 only", "می\u200Cخواهم", "a\u200F!"} {
		if err := CheckReason(reason); err != nil {
			t.Errorf("%+q: %v", reason, err)
		}
	}
	for reason, want := range map[string]string{
		"a\nb":               "U+000A",
		"a\u0085b":           "U+0085",
		"a\u2028b":           "U+2028",
		"a\u2029b":           "U+2029",
		"\u202Egnorw":        "U+202E",
		"a\u2066b":           "U+2066",
		"a\u2069 and banned": "U+2069",
		"a\xFF":              "UTF-8",
		" ":                  "only blank",
		"\u200B\u2060":       "only blank",
		"\u3164":             "only blank",
	} {
		if err := CheckReason(reason); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+q: got %v, want an error with %q", reason, err, want)
		}
	}
}
