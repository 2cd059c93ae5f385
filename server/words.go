package server

import "slices"

// words keeps what the application demands of a user's connections by the server API while other connections are being asked about
// by the connect webhook: any of them may turn out to be that user's. The demand holds for it when the webhook has answered.
// Guarded by hub.usersMu.
type words struct {
	asking int    // connections that are being asked about; without one nothing is kept
	list   []word // the oldest first
	first  uint64 // the number of list[0], or of the next word
	bytes  int
}

// userCommand is what the application commands for connections of a user: data, which can wait, and could be sent to another node.
// Each kind is a struct of its own. userClient.execute knows them.
type userCommand interface {
	// Size is how many bytes the command holds while it waits.
	Size() int
}

// word is one demand of the application.
type word struct {
	user    string   // empty for any
	client  string   // empty for any
	except  []string // clients
	command userCommand
}

// Limits of words.
const (
	maxWords     = 4096
	maxWordBytes = 16 << 20
)

const wordOverhead = 200 // bytes, about

// begin counts a connection that is asked about from now on, and returns the number of the first word that may be meant for it.
func (w *words) begin() (since uint64) {
	w.asking++
	return w.first + uint64(len(w.list))
}

// end is when such a connection has been answered, or is closed.
func (w *words) end() {
	if w.asking--; w.asking == 0 {
		w.first += uint64(len(w.list))
		w.list, w.bytes = nil, 0
	}
}

// add keeps a word while somebody is asked about. The oldest make room.
func (w *words) add(what word) {
	if w.asking == 0 {
		return
	}
	w.list = append(w.list, what)
	w.bytes += what.cost()
	for len(w.list) > maxWords || w.bytes > maxWordBytes {
		w.bytes -= w.list[0].cost()
		w.list[0] = word{}
		w.list = w.list[1:]
		w.first++
	}
}

func (w *word) cost() int {
	n := w.command.Size() + len(w.user) + len(w.client) + wordOverhead
	for _, client := range w.except {
		n += len(client)
	}
	return n
}

// of returns the words for a connection since it was asked about; false where some of them have been forgotten.
func (w *words) of(user, client string, since uint64) (found []word, complete bool) {
	if since < w.first {
		return nil, false
	}
	for _, what := range w.list[since-w.first:] {
		if what.meant(user, client) {
			found = append(found, what)
		}
	}
	return found, true
}

func (w *word) meant(user, client string) bool {
	return (w.user == "" || w.user == user) && (w.client == "" || w.client == client) && !slices.Contains(w.except, client)
}

// beginAsking counts a connection that is asked about from now on, and returns the number of the first word that may be meant for it.
func (h *hub) beginAsking() (since uint64) {
	h.usersMu.Lock()
	defer h.usersMu.Unlock()
	return h.words.begin()
}

// endAsking is when it has been answered, or is closed.
func (h *hub) endAsking() {
	h.usersMu.Lock()
	defer h.usersMu.Unlock()
	h.words.end()
}
