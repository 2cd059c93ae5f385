package chat

import "slices"

// Words keeps what the application demands of a user's connections by the server API while other connections are being asked about
// by the connect webhook: any of them may turn out to be that user's. The demand holds for it when the webhook has answered.
// Guarded by Hub.UsersMu.
type Words struct {
	Asking int    // connections that are being asked about; without one nothing is kept
	List   []Word // the oldest first
	first  uint64 // the number of list[0], or of the next word
	Bytes  int
}

// UserCommand is what the application commands for connections of a user: data, which can wait, and could be sent to another node.
// Each kind is a struct of its own. userClient.Execute knows them.
type UserCommand interface {
	// Size is how many bytes the command holds while it waits.
	Size() int
}

// Word is one demand of the application.
type Word struct {
	User    string   // empty for any
	Client  string   // empty for any
	Except  []string // clients
	Command UserCommand
}

// Limits of words.
const (
	MaxWords     = 4096
	MaxWordBytes = 16 << 20
)

const wordOverhead = 200 // bytes, about

// Begin counts a connection that is asked about from now on, and returns the number of the first word that may be meant for it.
func (w *Words) Begin() (since uint64) {
	w.Asking++
	return w.first + uint64(len(w.List))
}

// end is when such a connection has been answered, or is closed.
func (w *Words) end() {
	if w.Asking--; w.Asking == 0 {
		w.first += uint64(len(w.List))
		w.List, w.Bytes = nil, 0
	}
}

// Add keeps a word while somebody is asked about. The oldest make room.
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

func (word *Word) cost() int {
	n := word.Command.Size() + len(word.User) + len(word.Client) + wordOverhead
	for _, client := range word.Except {
		n += len(client)
	}
	return n
}

// Of returns the words for a connection since it was asked about; false where some of them have been forgotten.
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

func (word *Word) meant(user, client string) bool {
	return (word.User == "" || word.User == user) && (word.Client == "" || word.Client == client) && !slices.Contains(word.Except, client)
}
