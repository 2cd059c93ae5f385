package chat

// Config has the settings of the chat. Rates are per second; 0 is no limit.
type Config struct {
	Rooms                 []RoomOptions
	OtherRooms            string // access to rooms that no pattern matches: RoomsOpen, RoomsSignedIn or RoomsClosed
	Names                 NameRules
	Guests                bool
	HistoryBytes          int // of all histories
	MaxConnectionsUser    int
	MaxConnectionsAddress int
	CountsAddresses       bool // keep the address of each connection even without a limit per address; see Hub.countsAddresses
	Rate                  int  // messages or commands per connection
	RateUser              int  // publications per user
	RateAddress           int  // commands per address
	Cluster               bool // the process is a node of a cluster
}
