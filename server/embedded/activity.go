package embedded

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/throng-chat/throng/server/chat"
)

// ActivityKind is a kind of activity. A set of kinds is their sum, as in Connected|Disconnected.
type ActivityKind = chat.ActivityKind

// Kinds of activities. A connection has Connected, then its rooms, then Disconnected.
const (
	Connected    = chat.ClientConnected    // an SDK client after its connect, or a plain client
	Disconnected = chat.ClientDisconnected // after it has left its rooms
	Joined       = chat.ClientJoined
	Left         = chat.ClientLeft
)

// Activity is what a client of this server has done.
type Activity struct {
	Kind       ActivityKind
	Time       time.Time
	Connection uint64 // the number of the connection, as in the log and on the admin port

	// Of an SDK client. A plain client has none.
	User, Client       string
	ConnInfo, ChanInfo json.RawMessage

	Room   string // of Joined and Left
	Reason string // of Disconnected: a label of throng_closes_total
}

// activityOf returns an activity of a batch.
func activityOf(from *chat.Activity) Activity {
	a := Activity{Kind: from.Kind, Time: from.At, Connection: from.Conn, Room: from.Room}
	if from.Info != nil {
		a.User, a.Client, a.ConnInfo, a.ChanInfo = from.Info.User, from.Info.Client, from.Info.ConnInfo, from.Info.ChanInfo
	}
	if from.Kind == Disconnected {
		a.Reason = from.Reason.String()
	}
	return a
}

// WatchOptions are those of a subscription to what clients do.
type WatchOptions struct {
	Kinds      ActivityKind // 0 for all
	QueueBytes int          // of activities that wait for the function, or are with it; 0 for DefaultQueue

	// OnLost is called with the number of activities that found the queue full, at their place. nil: then the subscription ends with a *LostError.
	OnLost func(n uint64)
}

// LostError is the error of a subscription to activities that was too slow, without a function for that.
type LostError struct{ Lost uint64 }

func (le *LostError) Error() string {
	return fmt.Sprintf("%d activities of clients are lost: the function was too slow", le.Lost)
}
