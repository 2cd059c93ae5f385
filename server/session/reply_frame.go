package session

import "github.com/centrifugal/protocol"

// ReplyFrame has the replies to the commands of one frame, for one frame. The shard encodes it.
type ReplyFrame struct {
	encoding Encoding
	list     []*protocol.Reply
	Join     *joinReply // its replies follow; nil for none
	first    [1]*protocol.Reply
}

func newReplyFrame(e Encoding) *ReplyFrame {
	r := &ReplyFrame{encoding: e}
	r.list = r.first[:0] // no extra allocation for a frame with one reply
	return r
}

// AppendFrame appends the encoded frame. Called on the shard, once; deltas is the time for deltas in nanoseconds.
func (rf *ReplyFrame) AppendFrame(dst, scratch []byte, deltas *int) (frame, spent []byte) {
	list := rf.list
	if rf.Join != nil {
		list = append(list, rf.Join.replies(deltas)...)
	}
	return appendReplies(dst, scratch, rf.encoding, list)
}
