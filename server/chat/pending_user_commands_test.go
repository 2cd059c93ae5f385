package chat

import "testing"

// A call applies to the connections with a pending request at that time, and not to later ones or to those that it excludes.
func TestAnAPICallAppliesToExistingConnectionsOnly(t *testing.T) {
	var w pendingUserCommands
	early := w.begin()
	w.add(TargetedCommand{User: "ann", Except: []string{"this one"}, Command: noCommand{}})
	late := w.begin()
	w.add(TargetedCommand{Client: "another", Command: noCommand{}})
	for _, tt := range []struct {
		user, client string
		since        uint64
		want         int
	}{
		{"ann", "any", early, 1}, {"ann", "this one", early, 0}, {"bob", "any", early, 0}, {"ann", "another", early, 2}, {"", "another", early, 1},
		{"ann", "any", late, 0}, {"ann", "another", late, 1},
	} {
		if found, complete := w.matching(tt.user, tt.client, tt.since); len(found) != tt.want || !complete {
			t.Errorf("%q %q since %d: got %d calls, complete %v; want %d", tt.user, tt.client, tt.since, len(found), complete, tt.want)
		}
	}
}

// An evicted command is counted, and the connection that it may match learns that its list is not complete.
func TestEvictedCommandsAreCounted(t *testing.T) {
	const over = 3
	var w pendingUserCommands
	w.add(TargetedCommand{User: "ann", Command: noCommand{}}) // no connection waits: it is not stored
	early := w.begin()
	for range MaxPendingUserCommands + over {
		w.add(TargetedCommand{User: "ann", Command: noCommand{}})
	}
	if w.evicted != over || len(w.Commands) != MaxPendingUserCommands {
		t.Errorf("got %d commands evicted and %d stored, want %d and %d", w.evicted, len(w.Commands), over, MaxPendingUserCommands)
	}
	if _, complete := w.matching("ann", "any", early); complete {
		t.Error("got a complete list, want an incomplete one")
	}
	if w.end(); w.evicted != over {
		t.Errorf("got %d commands evicted after the wait, want %d", w.evicted, over)
	}
}

// noCommand is a command of no bytes.
type noCommand struct{}

func (noCommand) Size() int { return 0 }
