package chat

import "slices"

// pendingCommands stores commands of the application while connections wait for their connect webhook. The reply of the webhook may give such a
// connection the user of a command: then the connection executes the command. Guarded by Hub.UsersMu.
type pendingCommands struct {
	Waiting  int               // connections that wait for their connect webhook; without one, commands are not stored
	Commands []TargetedCommand // the oldest first
	first    uint64            // number of Commands[0], or of the next command
	Bytes    int
}

// UserCommand is a command of the application to connections of a user. It is plain data: it can wait, be encoded and travel to another
// process. Each kind is a struct. userClient.Execute executes it on a connection.
type UserCommand interface {
	// Size returns how many bytes the command holds while it waits.
	Size() int
}

// TargetedCommand is a command with its target.
type TargetedCommand struct {
	User    string   // empty: any user
	Client  string   // connection ID; empty: any connection
	Except  []string // connection IDs to skip
	Command UserCommand
}

// Limits of stored commands.
const (
	MaxPendingCommands     = 4096
	MaxPendingCommandBytes = 16 << 20
)

const commandOverhead = 200 // bytes per command: an estimate

// begin counts a connection that waits, and returns the number of the first command that may match it.
func (w *pendingCommands) begin() (since uint64) {
	w.Waiting++
	return w.first + uint64(len(w.Commands))
}

// end ends the wait of a connection.
func (w *pendingCommands) end() {
	if w.Waiting--; w.Waiting == 0 {
		w.first += uint64(len(w.Commands))
		w.Commands, w.Bytes = nil, 0
	}
}

// add stores a command if a connection waits. It evicts the oldest commands beyond the limits.
func (w *pendingCommands) add(what TargetedCommand) {
	if w.Waiting == 0 {
		return
	}
	w.Commands = append(w.Commands, what)
	w.Bytes += what.memory()
	for len(w.Commands) > MaxPendingCommands || w.Bytes > MaxPendingCommandBytes {
		w.Bytes -= w.Commands[0].memory()
		w.Commands[0] = TargetedCommand{}
		w.Commands = w.Commands[1:]
		w.first++
	}
}

// memory estimates the memory of a command in bytes.
func (word *TargetedCommand) memory() int {
	n := word.Command.Size() + len(word.User) + len(word.Client) + commandOverhead
	for _, client := range word.Except {
		n += len(client)
	}
	return n
}

// matching returns the commands from number since on that match a connection. complete is false if some of them were evicted.
func (w *pendingCommands) matching(user, client string, since uint64) (found []TargetedCommand, complete bool) {
	if since < w.first {
		return nil, false
	}
	for _, what := range w.Commands[since-w.first:] {
		if what.matches(user, client) {
			found = append(found, what)
		}
	}
	return found, true
}

// matches reports whether a connection matches the target.
func (word *TargetedCommand) matches(user, client string) bool {
	return (word.User == "" || word.User == user) && (word.Client == "" || word.Client == client) && !slices.Contains(word.Except, client)
}
