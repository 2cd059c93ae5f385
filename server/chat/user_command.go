package chat

import (
	"slices"
	"time"
)

// UserCommand is a command of the application to connections of a user. It is plain data: it waits while a connection is admitted, and can
// be encoded and sent to another process. Each kind is a struct. A client maps it to its protocol when it executes it (userClient.Execute).
type UserCommand interface {
	// Size returns how many bytes the command holds while it waits.
	Size() int
}

// TargetedCommand is a UserCommand with its target.
type TargetedCommand struct {
	User    string   // empty: any user
	Client  string   // connection ID; empty: any connection
	Except  []string // connection IDs to skip
	Command UserCommand
}

const userCommandOverhead = 200 // bytes per command: an estimate

// memory estimates the memory of a command in bytes.
func (cmd *TargetedCommand) memory() int {
	n := cmd.Command.Size() + len(cmd.User) + len(cmd.Client) + userCommandOverhead
	for _, client := range cmd.Except {
		n += len(client)
	}
	return n
}

// matches reports whether a connection matches the target.
func (cmd *TargetedCommand) matches(user, client string) bool {
	return (cmd.User == "" || cmd.User == user) && (cmd.Client == "" || cmd.Client == client) && !slices.Contains(cmd.Except, client)
}

// EndCause is the reason why the application ends a connection or a subscription. A client maps it to a code of its protocol.
type EndCause string

const (
	EndedByApplication EndCause = "application"
	EndedByKick        EndCause = "kick"
	EndedByBan         EndCause = "ban"
	EndedByExpiry      EndCause = "expiry"
	EndedByRemoval     EndCause = "removal"  // from the roster
	EndedByDeletion    EndCause = "deletion" // of the room
	EndedByLimit       EndCause = "limit"    // of the connections of a user
)

// Disconnect ends connections.
type Disconnect struct {
	Cause  EndCause
	Code   uint16 // of the close frame, 4000 to 4999; 0 for the code of the cause
	Reason string // of the close frame, 123 bytes at most; without it and without a code, the text of the cause
}

// Unsubscribe ends the subscriptions to a room, and those that wait for the subscribe webhook.
type Unsubscribe struct {
	Room  string
	Cause EndCause
}

// Subscribe makes connections members of a room.
type Subscribe struct {
	Room        string
	Info        []byte          // JSON, shown to the other members; nil for none
	Data        []byte          // JSON, for the client; nil for none
	Expires     time.Time       // the zero time for never
	Since       *StreamPosition // to recover from; nil for no recovery
	Recoverable bool
	Positioned  bool
}

// Refresh changes when connections expire, and what others see of them.
type Refresh struct {
	Expires time.Time // the zero time for never
	Info    []byte    // JSON; nil for no change
}

// Send sends data to the client, beside its rooms.
type Send struct {
	Data []byte // JSON
}

// EndRevoked ends the connections and subscriptions whose tokens are revoked.
type EndRevoked struct{}

func (di Disconnect) Size() int { return len(di.Reason) }

func (un Unsubscribe) Size() int { return len(un.Room) }

func (su Subscribe) Size() int { return len(su.Room) + len(su.Info) + len(su.Data) }

func (re Refresh) Size() int { return len(re.Info) }

func (se Send) Size() int { return len(se.Data) }

func (EndRevoked) Size() int { return 0 }
