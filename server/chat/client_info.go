package chat

import "bytes"

// ClientInfo describes a client to others. It is immutable: a change replaces it. Any goroutine may share it.
type ClientInfo struct {
	User     string // empty: anonymous
	Client   string // connection ID
	ConnInfo []byte // JSON from the token or the application about the connection
	ChanInfo []byte // JSON about the connection in one room
}

// Size returns the bytes of all fields; 0 for nil.
func (i *ClientInfo) Size() int {
	if i == nil {
		return 0
	}
	return len(i.User) + len(i.Client) + len(i.ConnInfo) + len(i.ChanInfo)
}

// sameInfo reports whether two infos of one client are equal to others. Their client IDs may differ.
func sameInfo(a, b *ClientInfo) bool {
	return a == b || a.User == b.User && bytes.Equal(a.ConnInfo, b.ConnInfo) && bytes.Equal(a.ChanInfo, b.ChanInfo)
}
