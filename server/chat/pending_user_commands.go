package chat

// pendingUserCommands stores commands of the application while connections wait for their connect webhook. The reply of the webhook may give
// such a connection the user of a command: then the connection executes the command. Guarded by Hub.UsersMu.
type pendingUserCommands struct {
	Waiting  int               // connections that wait for their connect webhook; without one, commands are not stored
	Commands []TargetedCommand // the oldest first
	first    uint64            // number of Commands[0], or of the next command
	Bytes    int
	evicted  uint64 // commands that were evicted while connections waited
}

// Limits of stored commands.
const (
	MaxPendingUserCommands     = 4096
	MaxPendingUserCommandBytes = 16 << 20
)

// begin counts a connection that waits, and returns the number of the first command that may match it.
func (pc *pendingUserCommands) begin() (since uint64) {
	pc.Waiting++
	return pc.first + uint64(len(pc.Commands))
}

// end ends the wait of a connection.
func (pc *pendingUserCommands) end() {
	if pc.Waiting--; pc.Waiting == 0 {
		pc.first += uint64(len(pc.Commands))
		pc.Commands, pc.Bytes = nil, 0
	}
}

// add stores a command if a connection waits. It evicts the oldest commands beyond the limits.
func (pc *pendingUserCommands) add(cmd TargetedCommand) {
	if pc.Waiting == 0 {
		return
	}
	pc.Commands = append(pc.Commands, cmd)
	pc.Bytes += cmd.memory()
	for len(pc.Commands) > MaxPendingUserCommands || pc.Bytes > MaxPendingUserCommandBytes {
		pc.Bytes -= pc.Commands[0].memory()
		pc.Commands[0] = TargetedCommand{}
		pc.Commands = pc.Commands[1:]
		pc.first++
		pc.evicted++
	}
}

// matching returns the commands from number since on that match a connection. complete is false if some of them were evicted.
func (pc *pendingUserCommands) matching(user, client string, since uint64) (found []TargetedCommand, complete bool) {
	if since < pc.first {
		return nil, false
	}
	for _, cmd := range pc.Commands[since-pc.first:] {
		if cmd.matches(user, client) {
			found = append(found, cmd)
		}
	}
	return found, true
}
