package session

// Compression of the rooms of a session. Its client has one decompressor, whose window has the last compressed messages of all rooms. A message
// may refer to the context of a room only if the client has decompressed all of that context and nothing else since. So a session in one room
// shares the context of the room. In several rooms each message is compressed by itself, which suits every window. The personal room does not count:
// its messages are not compressed, and so leave the window as it is. Replies are never compressed.

// setWindows sets the windows of joins, before they are posted. A subscription that shares a context stops to do so if another room follows.
// Called on the poller.
func (s *Session) setWindows(attempts []*JoinAttempt) {
	for _, join := range attempts {
		join.Window = s.window
	}
	if !s.window.Shares() {
		return
	}
	rooms, before := s.countRooms()
	for _, join := range attempts {
		if join.sub.personal = s.Sessions.Settings().Names.IsPersonal(join.Room.Name, s.Info().User); join.sub.personal {
			join.Window = 0
		} else {
			rooms++
		}
	}
	if rooms < 2 {
		return
	}
	for _, join := range attempts {
		join.Window = join.Window.Alone()
	}
	if before != nil && before.shares {
		before.shares = false
		s.Sessions.SetWindow(&before.Membership, s.window.Alone())
	}
}

// shareContext lets the only room of the session share its context. Called on the poller, after joins and leaves.
func (s *Session) shareContext() {
	if !s.window.Shares() {
		return
	}
	if rooms, only := s.countRooms(); rooms == 1 && !only.shares && !only.delta && only.Room.Options().CompressionContext {
		only.shares = true
		s.Sessions.SetWindow(&only.Membership, s.window)
	}
}

// countRooms returns the number of rooms, without the personal one, and the last of them.
func (s *Session) countRooms() (rooms int, last *Subscription) {
	for _, sub := range s.Subs {
		if !sub.personal {
			rooms, last = rooms+1, sub
		}
	}
	return rooms, last
}

// addSubscription adds the subscription of a join that succeeded.
func (s *Session) addSubscription(join *JoinAttempt) {
	join.sub.delta = join.WithDelta
	join.sub.shares = join.Window.Shares()
	s.Subs = append(s.Subs, join.sub)
}
