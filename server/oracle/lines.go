package oracle

// ID is the identity of a publication of a run.
type ID struct {
	Publisher string `json:"publisher"`
	Number    uint32 `json:"number"` // rises with each publication of the publisher; the first has 1
}

// Position is a position in a room.
type Position struct {
	Offset uint64 `json:"offset"`
	Epoch  string `json:"epoch"`
}

// Ack is a line of an acknowledgement: the publication is stored, at a position if that is not zero. A reply to an SDK client has none.
type Ack struct {
	Room string `json:"room"`
	ID
	Position
}

// Events of a subscriber.
const (
	Subscribed  = "subscribed"  // the room receives from the position on; with Recovered: it goes on where the subscriber was
	Publication = "publication" // the subscriber received ID at Offset
	Complete    = "complete"    // the run is over, the server is idle and the subscriber is connected: it must have everything
)

// Heard is a line of a subscriber, in the order in which it received them.
type Heard struct {
	Event      string `json:"event"`
	Subscriber string `json:"subscriber"`
	Room       string `json:"room"`
	ID
	Position
	Recovered bool `json:"recovered,omitempty"`
}

// clearKind is the kind of a line without a publication: the history up to Offset is dropped. In a new epoch, the rest of it stays.
const clearKind = "clear"

// Stored is a line of the log, as throng data export writes it.
type Stored struct {
	Kind string `json:"kind"` // empty for a publication; clearKind; others are ignored
	Room string `json:"room"`
	Position
	Data struct{ ID } `json:"data"`
}
