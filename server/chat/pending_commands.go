package chat

import "slices"

// Words stores commands of the application while connections wait for their connect webhook. The reply of the webhook may give such a
// connection the user of a command: then the connection executes the command. Guarded by Hub.UsersMu.
type Words struct {
	Asking int    // connections that wait for their connect webhook; without one, commands are not stored
	List   []Word // the oldest first
	first  uint64 // number of List[0], or of the next command
	Bytes  int
}

// UserCommand is a command of the application to connections of a user. It is plain data: it can wait, be encoded and travel to another
// process. Each kind is a struct. userClient.Execute executes it on a connection.
type UserCommand interface {
	// Size returns how many bytes the command holds while it waits.
	Size() int
}

// Word is a command with its target.
type Word struct {
	User    string   // empty: any user
	Client  string   // connection ID; empty: any connection
	Except  []string // connection IDs to skip
	Command UserCommand
}

// Limits of stored commands.
const (
	MaxWords     = 4096
	MaxWordBytes = 16 << 20
)

const wordOverhead = 200 // bytes per command: an estimate

// Begin counts a connection that waits, and returns the number of the first command that may match it.
func (w *Words) Begin() (since uint64) {
	w.Asking++
	return w.first + uint64(len(w.List))
}

// increment ends the wait of a connection.
func (w *Words) end() {
	if w.Asking--; w.Asking == 0 {
		w.first += uint64(len(w.List))
		w.List, w.Bytes = nil, 0
	}
}

// Add stores a command if a connection waits. It evicts the oldest commands beyond the limits.
func (w *Words) Add(what Word) {
	if w.Asking == 0 {
		return
	}
	w.List = append(w.List, what)
	w.Bytes += what.cost()
	for len(w.List) > MaxWords || w.Bytes > MaxWordBytes {
		w.Bytes -= w.List[0].cost()
		w.List[0] = Word{}
		w.List = w.List[1:]
		w.first++
	}
}

// cost estimates the memory of a command in bytes.
func (word *Word) cost() int {
	n := word.Command.Size() + len(word.User) + len(word.Client) + wordOverhead
	for _, client := range word.Except {
		n += len(client)
	}
	return n
}

// Get returns the commands from number since on that match a connection. complete is false if some of them were evicted.
func (w *Words) Of(user, client string, since uint64) (found []Word, complete bool) {
	if since < w.first {
		return nil, false
	}
	for _, what := range w.List[since-w.first:] {
		if what.meant(user, client) {
			found = append(found, what)
		}
	}
	return found, true
}

// meant reports whether a connection matches the target.
func (word *Word) meant(user, client string) bool {
	return (word.User == "" || word.User == user) && (word.Client == "" || word.Client == client) && !slices.Contains(word.Except, client)
}
