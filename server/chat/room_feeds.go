package chat

// RoomPublication is a publication with its room, for a subscription of the program to all rooms of a pattern.
type RoomPublication struct {
	Room, Epoch string // Epoch is that of the offset
	Publication
}

// roomFeeds are the feeds of the publications of many rooms. Those of one room are in its order: each is offered under the lock of the room. A feed
// has no place in the histories, so what finds its queue full is lost.
type roomFeeds struct{ feeds[RoomPublication] }

// ListenAll adds a feed of the rooms that match a valid pattern, with a queue of most bytes. Any goroutine may call it.
func (rfs *roomFeeds) ListenAll(pattern string, most int) *Feed[RoomPublication] {
	return rfs.open(most, func(p RoomPublication) bool { return MatchesPattern(pattern, p.Room) })
}

// want reports whether a feed wants the publications of a room.
func (rfs *roomFeeds) want(room string) (wanted bool) {
	if !rfs.On() {
		return false
	}
	rfs.each(RoomPublication{Room: room}, func(*Feed[RoomPublication]) { wanted = true })
	return wanted
}

// offer gives a publication to the feeds that want it. The lock of the room is held, and the room's name is not borrowed.
func (rfs *roomFeeds) offer(room, epoch string, pub *Publication) {
	if !rfs.On() {
		return
	}
	item := RoomPublication{room, epoch, *pub}
	size := pub.Memory() + PublicationOverhead + len(room)
	rfs.each(item, func(fd *Feed[RoomPublication]) { fd.offer(item, size) })
}

// miss notes that publications of a room did not reach this node in their order, or too late.
func (rfs *roomFeeds) miss(room string) {
	rfs.each(RoomPublication{Room: room}, (*Feed[RoomPublication]).miss)
}

// missAll notes that publications of unknown rooms did not reach this node.
func (rfs *roomFeeds) missAll() {
	if all := rfs.all.Load(); all != nil {
		for _, fd := range *all {
			fd.miss()
		}
	}
}
