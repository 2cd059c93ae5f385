package cluster

import "sync"

// counts are the rooms and users of this node whose numbers are to be sent.
type counts struct {
	mu    sync.Mutex // a leaf
	rooms map[string]struct{}
	users map[string]struct{}
}

// take returns what has changed, and begins anew.
func (co *counts) take() (rooms, users map[string]struct{}) {
	co.mu.Lock()
	defer co.mu.Unlock()
	if len(co.rooms)+len(co.users) == 0 {
		return nil, nil
	}
	rooms, users = co.rooms, co.users
	co.rooms, co.users = map[string]struct{}{}, map[string]struct{}{}
	return rooms, users
}
