package chat

import "github.com/throng-chat/throng/server/fanout"

// What is kept must not hold more memory than is counted: a slice of seven bytes may keep an array of 64 KiB.

// MaxSpare is how many bytes an array may have beyond the bytes that are kept of it: an eighth, as allocations are rounded up, and a few.
func MaxSpare(n int) int { return n/8 + 32 }

// Fitted is b, or a copy of it where b has much more capacity than it needs.
func Fitted(b []byte) []byte {
	if cap(b)-len(b) <= MaxSpare(len(b)) {
		return b
	}
	return fanout.Cloned(b)
}

// What the history of a room keeps costs, besides the bytes, about.
const (
	InfoCost = 80  // a clientInfo
	tagsCost = 336 // a map of tags, with room for eight
	tagCost  = 80  // each further tag
	textCost = 16  // the text of a tag, beyond its bytes
)

// Cost is how many bytes of memory a publication keeps.
func (pub *Publication) Cost() int {
	n := cap(pub.Data)
	if pub.Info != nil {
		n += InfoCost + len(pub.Info.User) + len(pub.Info.Client) + cap(pub.Info.ConnInfo) + cap(pub.Info.ChanInfo)
	}
	if pub.Tags != nil {
		n += tagsCost + max(len(pub.Tags)-8, 0)*tagCost
		for name, value := range pub.Tags {
			n += len(name) + len(value) + textCost
		}
	}
	return n
}
