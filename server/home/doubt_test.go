package home

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/broker/brokertest"
)

// An owner that only doubts, because it has lost the majority, does not say that another node owns the log.
func TestAnOwnerThatDoubtsDoesNotNameAnotherOne(t *testing.T) {
	for _, c := range []struct {
		do   func(*Home)
		want string
	}{
		{func(h *Home) { h.Doubt(100) }, `level=INFO msg="this node gives up the log of durable rooms: another node may own it now" error="this node does not reach a majority of the nodes"`},
		{func(h *Home) { h.Heard(Owner{Node: "b", Term: 100}, 0) }, `level=WARN msg="another node owns the log of durable rooms now"`},
		{func(h *Home) { h.Doubt(0) }, ""}, // no later term than its own
	} {
		fake := brokertest.New(brokertest.Options{Auto: true})
		t.Cleanup(fake.End)
		h := follower(t, fake, "a", &counted{})
		if err := h.Lead(t.Context()); err != nil {
			t.Fatal(err)
		}
		var logged bytes.Buffer
		h.cfg.Log = slog.New(slog.NewTextHandler(&logged, nil))
		c.do(h)
		if did := h.Maintain(t.Context()); did != (c.want != "") || !strings.Contains(logged.String(), c.want) {
			t.Errorf("got the lines\n%s\nand work: %t; want %q", logged.String(), did, c.want)
		}
	}
}

// Two nodes may try to own a log at the same moment: one of them is quicker. That is no failure, so the other one has no line about it, and follows.
func TestANodeThatIsOvertakenFollows(t *testing.T) {
	fake := brokertest.New(brokertest.Options{Auto: true})
	t.Cleanup(fake.End)
	late, quick := follower(t, fake, "a", &counted{}), follower(t, fake, "b", &counted{})
	if err := quick.Lead(t.Context()); err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	late.cfg.Log = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if err := late.Lead(t.Context()); !errors.Is(err, ErrOvertaken) {
		t.Errorf("the late node: got %v, want %v", err, ErrOvertaken)
	}
	if !late.Maintain(t.Context()) || logged.Len() > 0 {
		t.Errorf("the log is not opened again, or has the lines\n%s", logged.String())
	}
	if owner, _, state := late.Position(); state != Following || owner.Node != "b" {
		t.Errorf("got the state %v and the owner %+v, want following b", state, owner)
	}
}
