package chat

import "context"

// Others are the other nodes of the cluster. Any goroutine may call its methods.
type Others interface {
	// Execute executes a command on the connections of all other nodes that are alive, and waits for them until ctx ends. It returns their
	// first rejection. A node first applies what this node has applied, so a client that a sanction denies cannot join again there.
	Execute(ctx context.Context, cmd TargetedCommand) *Rejection
	// Settle waits until all other nodes that are alive have applied what this node has: sanctions, and changes of rooms. It waits as Execute.
	Settle(ctx context.Context) *Rejection
	// Tell executes a command on the other nodes. It does not block or wait.
	Tell(cmd TargetedCommand)
	// Joined and Left note members that this node lists in the presence of rooms, or does not list any more. Joined again changes the info. Called under
	// the lock of the room: they do not block, and take a leaf lock.
	Joined(room string, info *ClientInfo)
	Left(room string, info *ClientInfo)
	// RoomChanged notes that the number of members of a room on this node has changed. Called under the lock of the room, like Joined.
	RoomChanged(room string)
	// UserChanged notes that a user has got or lost a connection to this node. Called without locks; it does not block.
	UserChanged(user string)
}
