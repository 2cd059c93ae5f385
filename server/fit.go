package server

import "github.com/throng-chat/throng/server/fanout"

// What is kept must not hold more memory than is counted: a slice of seven bytes may keep an array of 64 KiB.

// maxSpare is how many bytes an array may have beyond the bytes that are kept of it: an eighth, as allocations are rounded up, and a few.
func maxSpare(n int) int { return n/8 + 32 }

// fitted is b, or a copy of it where b has much more capacity than it needs.
func fitted(b []byte) []byte {
	if cap(b)-len(b) <= maxSpare(len(b)) {
		return b
	}
	return fanout.Cloned(b)
}

// What the history of a room keeps costs, besides the bytes, about.
const (
	infoCost = 80  // a clientInfo
	tagsCost = 336 // a map of tags, with room for eight
	tagCost  = 80  // each further tag
	textCost = 16  // the text of a tag, beyond its bytes
)

// cost is how many bytes of memory a publication keeps.
func (p *publication) cost() int {
	n := cap(p.data)
	if p.info != nil {
		n += infoCost + len(p.info.User) + len(p.info.Client) + cap(p.info.ConnInfo) + cap(p.info.ChanInfo)
	}
	if p.tags != nil {
		n += tagsCost + max(len(p.tags)-8, 0)*tagCost
		for name, value := range p.tags {
			n += len(name) + len(value) + textCost
		}
	}
	return n
}
