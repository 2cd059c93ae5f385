package chat

import "bytes"

// ClientInfo is a client as others see it. It is replaced, never changed, so that it can be shared.
type ClientInfo struct {
	User     string // empty for nobody in particular
	Client   string // the id of the connection
	ConnInfo []byte // JSON that its token or the application says of the connection
	ChanInfo []byte // the same, of the connection in one room
}

// Size is how many bytes it says, 0 for nil.
func (i *ClientInfo) Size() int {
	if i == nil {
		return 0
	}
	return len(i.User) + len(i.Client) + len(i.ConnInfo) + len(i.ChanInfo)
}

// SameInfo says whether others see no difference between two connections of one client.
func SameInfo(a, b *ClientInfo) bool {
	return a == b || a.User == b.User && bytes.Equal(a.ConnInfo, b.ConnInfo) && bytes.Equal(a.ChanInfo, b.ChanInfo)
}
