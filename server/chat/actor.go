package chat

// Action is an operation in a room that the room's options, its name and sanctions allow or deny.
type Action uint8

const (
	ToSubscribe Action = iota
	ToPublish
	ToSeePresence
	ToReadHistory
	ActionCount
)

// Actor is the initiator of an action in a room.
type Actor struct {
	User        string // empty: anonymous
	Member      bool   // is a member of the room
	Token       bool   // has a subscription token for the room; the rules of its name and its options still apply
	Application bool   // the application decides, so only sanctions apply: a call of the server API, a room of a connection token or of a webhook's reply
}
