package chat

import (
	"cmp"
	"slices"
)

// RoomTraffic is what a room did since the last call of HeaviestRooms.
type RoomTraffic struct {
	Name       string
	Members    int
	Messages   uint64 // publications, join and leave events, notices
	Deliveries uint64 // once for each member
}

// HeaviestRooms returns the rooms with the most deliveries since its last call, most of them at most, the heaviest first; of rooms with as many
// deliveries, those with more members. One caller at a time. It holds the lock of each stripe for a walk through its rooms.
func (h *Hub) HeaviestRooms(most int) []RoomTraffic {
	heaviest := make([]RoomTraffic, 0, most+1)
	h.Rooms.each(func(in *Stripe) {
		for name, r := range in.rooms {
			counted := r.TakeCountsLocked()
			if r.Members == 0 && counted.Messages == 0 {
				continue
			}
			t := RoomTraffic{name, r.Members, counted.Messages, counted.Deliveries}
			if len(heaviest) == most && !t.heavier(&heaviest[most-1]) {
				continue
			}
			at, _ := slices.BinarySearchFunc(heaviest, t, func(a, b RoomTraffic) int {
				if a.heavier(&b) {
					return -1
				}
				return 1
			})
			heaviest = slices.Insert(heaviest, at, t)
			heaviest = heaviest[:min(len(heaviest), most)]
		}
	})
	return heaviest
}

// heavier reports whether a room has more traffic than another one.
func (rt *RoomTraffic) heavier(than *RoomTraffic) bool {
	return cmp.Or(cmp.Compare(rt.Deliveries, than.Deliveries), cmp.Compare(rt.Messages, than.Messages),
		cmp.Compare(rt.Members, than.Members), cmp.Compare(than.Name, rt.Name)) > 0
}
