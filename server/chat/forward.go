package chat

import (
	"bytes"

	"github.com/throng-chat/throng/server/record"
	"github.com/throng-chat/throng/server/ws"
)

// Requests to the node that owns the log of a room. A publication of a client of another node becomes a request (package link). The owner does it
// (serve.go). Its entry in the log ends the request: this node has applied the entry then, so the reply is behind the publication.
//
// The entries of a request have some fields of their own meaning, because they have no offset yet:
//
//	| field         | in a publication                    | in a redaction             | in a value                                     |
//	|---------------|-------------------------------------|----------------------------|------------------------------------------------|
//	| offset        | 1: skip_history; 2: a plain client  | of the publication         |                                                |
//	| version epoch | of the version                      | epoch of that offset       |                                                |
//	| generation    | publisher, in a slow room           | the same                   | check of the data that the change replaces     |

// Values of the offset of a request to publish.
const (
	askSkip  = 1
	askPlain = 2
)

// forwardPublication is Propose and ProposeTalk on a node that does not own the log.
func (h *Hub) forwardPublication(du *Durable, room string, pub *Publication, o PublishOptions, done Done) *Room {
	e := record.Entry{
		Kind: record.Publish, Form: uint8(pub.Form), Room: room, Tags: pub.Tags, Info: encodeInfo(pub.Info), Data: pub.Data, Key: o.IdempotencyKey,
		Version: record.PublicationVersion{Number: o.Version.Number, Epoch: o.Version.Epoch}, Generation: o.Slow.number(),
	}
	if o.SkipHistory {
		e.Offset = askSkip
	}
	return h.send(du, room, []record.Entry{e}, done)
}

// forwardPlain is ProposePlain on a node that does not own the log.
func (h *Hub) forwardPlain(r *Room, op ws.Opcode, payload []byte, slow *SlowModeCount, done Done) {
	e := record.Entry{Kind: record.Publish, Form: uint8(FormText), Room: r.Name, Data: bytes.Clone(payload), Offset: askPlain, Generation: slow.number()}
	if op == ws.OpBinary {
		e.Form = uint8(FormBytes)
	}
	h.Metrics.Messages.Inc()
	h.send(r.durable.log, r.Name, []record.Entry{e}, done)
}

// forwardRedaction is ProposeRedaction on a node that does not own the log.
func (h *Hub) forwardRedaction(du *Durable, what Redaction, author *ClientInfo, slow *SlowModeCount, done Done) *Room {
	e := record.Entry{
		Kind: record.Redact, Room: what.Channel, Offset: what.Offset, Version: record.PublicationVersion{Epoch: what.Epoch}, Info: encodeInfo(author),
		Change: author != nil,
	}
	if author != nil { // else a moderator, which the owner does not count
		e.Generation = slow.number()
	}
	return h.send(du, what.Channel, []record.Entry{e}, done)
}
