package chat

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/roster"
)

// A change of many members has several steps, and is one for its caller: a member that is not valid rejects all, and Done is called once, when all is
// on disk.
func TestALargeChangeOfARosterIsDoneOrRejectedAsAWhole(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableRooms("*"))
	var users []string
	for n := range MaxMemberChange - 1 {
		users = append(users, fmt.Sprintf("user%05d", n))
	}
	for bad, cause := range map[string]rejectionCause{"z" + strings.Repeat("x", roster.MaxUser): CauseInvalid, "zoe": CauseLimit} {
		for n := 0; n < roster.MaxUserRooms && cause == CauseLimit; n++ {
			h.members.Add("zoe", fmt.Sprint("room", n))
		}
		e := changeMembers(t, fake, h, MemberChange{Room: "r", Users: append(slices.Clone(users), bad), Role: roster.Member, Add: true})
		if e == nil || e.Cause != cause || h.rosterLen("r") != 0 {
			t.Errorf("with the last user %.5q: got %+v and %d members, want none", bad, e, h.rosterLen("r"))
		}
	}
	oc, had := &outcome{}, 0
	h.ChangeMembers(MemberChange{Room: "r", Users: users, Role: roster.Member, Add: true}, func(at StreamPosition, e *Rejection) {
		had = h.rosterLen("r")
		oc.done(at, e)
	})
	if oc.calls != 0 {
		t.Error("Done was called before the disk has all steps")
	}
	fake.Settle()
	if oc.calls != 1 || oc.e != nil || had != len(users) {
		t.Errorf("got %d calls of Done, %+v and %d members then, want all %d", oc.calls, oc.e, had, len(users))
	}
	e := changeMembers(t, fake, h, MemberChange{Room: "r", Users: append(slices.Clone(users), "zorro"), Role: roster.Moderator})
	if page, _ := h.MembersOf("r", "", roster.Moderator, 1); e == nil || e.Cause != CauseInvalid || len(page) != 0 {
		t.Errorf("a role for one that is no member: got %+v and %d moderators, want none", e, len(page))
	}
}
