package roster

import (
	"slices"
	"strings"
	"sync"
)

// Index has the rooms of each user, in the order of their names. Any goroutine may call its methods.
type Index struct {
	mu    sync.RWMutex // a leaf
	users map[string]*roomList
}

// roomList is the rooms of a user.
type roomList struct {
	user  string
	rooms []string
}

// NewIndex returns an empty index.
func NewIndex() *Index { return &Index{users: map[string]*roomList{}} }

// Add adds a room to those of a user, and returns the name of the user, which all rooms share. It keeps room.
func (ix *Index) Add(user, room string) (shared string) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	l := ix.users[user]
	if l == nil {
		l = &roomList{user: strings.Clone(user)}
		ix.users[l.user] = l
	}
	if i, ok := slices.BinarySearch(l.rooms, room); !ok {
		l.rooms = slices.Insert(l.rooms, i, room)
	}
	return l.user
}

// Remove removes a room from those of a user.
func (ix *Index) Remove(user, room string) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	l := ix.users[user]
	if l == nil {
		return
	}
	if i, ok := slices.BinarySearch(l.rooms, room); ok {
		l.rooms = slices.Delete(l.rooms, i, i+1)
	}
	if len(l.rooms) == 0 {
		delete(ix.users, l.user)
	}
}

// Count returns the number of rooms of a user.
func (ix *Index) Count(user string) int {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	if l := ix.users[user]; l != nil {
		return len(l.rooms)
	}
	return 0
}

// Page returns at most limit rooms of a user behind one in the order of their names, the first ones if after is empty. more reports whether
// others follow.
func (ix *Index) Page(user, after string, limit int) (page []string, more bool) {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	l := ix.users[user]
	if l == nil {
		return nil, false
	}
	i, ok := slices.BinarySearch(l.rooms, after)
	if ok {
		i++
	}
	end := min(i+limit, len(l.rooms))
	return slices.Clone(l.rooms[i:end]), end < len(l.rooms)
}

// Share sets is[i] if others[i] has a room in common with a user. It takes time in proportion to the rooms of all of them.
func (ix *Index) Share(user string, others []string, is []bool) {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	own := ix.users[user]
	if own == nil {
		return
	}
	for i, other := range others {
		if l := ix.users[other]; l != nil && common(own.rooms, l.rooms) {
			is[i] = true
		}
	}
}

// common reports whether two sorted lists have an element in common.
func common(a, b []string) bool {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] == b[0]:
			return true
		case a[0] < b[0]:
			a = a[1:]
		default:
			b = b[1:]
		}
	}
	return false
}
