package chat

import "testing"

// A call applies to the connections with a pending request at that time, and not to later ones or to those that it excludes.
func TestAnAPICallAppliesToExistingConnectionsOnly(t *testing.T) {
	var w pendingCommands
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

// noCommand is a command of no bytes.
type noCommand struct{}

func (noCommand) Size() int { return 0 }
