package server

import (
	"fmt"
	"strings"
	"testing"
)

// A publication with a version is dropped if the room has a newer version, as in Centrifugo.
func TestAnOlderVersionIsNotPublished(t *testing.T) {
	t.Parallel()
	s := startAPI(t, roomWithHistory("h:*"))
	a := connectSDK(t, s, tokenOf("ann"))
	a.enter("h:1")
	epoch := field(t, call(t, s, "history", `{"channel":"h:1"}`), "epoch")
	offset := 0
	for i, c := range []struct {
		params string
		heard  bool
	}{
		{`"version":5`, true},
		{`"version":5`, false},
		{`"version":4`, false},
		{`"version":0`, true}, // none
		{`"delta":true`, true},
		{`"version":6`, true},
		{`"version":6,"version_epoch":""`, false},
		{`"version":1,"version_epoch":"e"`, true}, // versions start again
		{`"version":1,"version_epoch":"e"`, false},
		{`"version":2`, true}, // of the previous epoch
		{`"version":2,"version_epoch":"e"`, true},
		{`"version":2`, false},                    // without an epoch, the previous one applies
		{`"version":1,"skip_history":true`, true}, // it is not stored in the history
		{`"version":18446744073709551615`, true},
		{`"version":18446744073709551615`, false},
	} {
		got := call(t, s, "publish", fmt.Sprintf(`{"channel":"h:1","data":%d,%s}`, i, c.params))
		skipped := strings.Contains(c.params, "skip_history")
		if c.heard && !skipped {
			offset++
		}
		want := fmt.Sprintf(`{"result":{"offset":%d,"epoch":"%s"}}`, offset, epoch)
		if skipped {
			want = `{"result":{}}`
		}
		if got != want {
			t.Fatalf("%d: %s: got %s, want %s", i, c.params, got, want)
		}
		if c.heard && skipped {
			a.expectLine(fmt.Sprintf(`{"push":{"channel":"h:1","pub":{"data":%d}}}`, i))
		} else if c.heard {
			a.expectLine(fmt.Sprintf(`{"push":{"channel":"h:1","pub":{"data":%d,"offset":%d}}}`, i, offset))
		}
	}
	if n := value(t, s, "throng_outdated_publications_total", ""); n != 6 {
		t.Errorf("got %v dropped publications counted, want 6", n)
	}

	// Each room has its own version. A room without history has none.
	wantCall(t, s, "broadcast", `{"channels":["x","x"],"data":1,"version":1}`, `{"result":{"responses":[{"result":{}},{"result":{}}]}}`)
	for i, offsets := range []string{"1", "1", "2"} {
		version := max(1, i)
		got := call(t, s, "broadcast", fmt.Sprintf(`{"channels":["h:2","h:3"],"data":1,"version":%d}`, version))
		if strings.Count(got, `"offset":`+offsets) != 2 {
			t.Errorf("version %d: got %s, want offset %s twice", version, got, offsets)
		}
	}
	wantError(t, s, "publish", `{"channel":"h:1","data":1,"version":-1}`, 107, "version: want an integer")
	wantError(t, s, "publish", `{"channel":"h:1","data":1,"version_epoch":"`+strings.Repeat("e", 129)+`"}`, 107, "version_epoch: want 128 bytes")
}

// An idempotency key and a version work together.
func TestAnOlderVersionWithAKeyGetsTheSameReply(t *testing.T) {
	t.Parallel()
	s := startAPI(t, roomWithHistory("h:*"))
	first := call(t, s, "publish", `{"channel":"h:1","data":1,"version":2}`)
	wantCall(t, s, "publish", `{"channel":"h:1","data":2,"version":1,"idempotency_key":"k"}`, first)
	call(t, s, "publish", `{"channel":"h:1","data":3,"version":3}`)
	wantCall(t, s, "publish", `{"channel":"h:1","data":2,"version":4,"idempotency_key":"k"}`, first)
}
