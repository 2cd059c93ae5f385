package memlog

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/record"
)

// Reading what this copy does not have.

const (
	maxPart     = 256 << 10   // bytes of a part above which no record is added: the largest record is 1 MiB
	partTimeout = time.Second // for the answer to a read
)

// part is an answer to a read.
type part struct {
	number  uint64
	differs bool   // the copies differ: the part has the first records
	term    uint64 // of the last record of the copy
	from    uint64 // number of the first record in records
	last    uint64 // number of the last record of the copy
	records [][]byte
}

// ReceiveRead answers a read of another node. It returns false if the message cannot be read. b is lent.
func (l *Log) ReceiveRead(from broker.NodeID, b []byte) bool {
	var numbers [3]uint64
	for i := range numbers {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			return false
		}
		numbers[i], b = n, b[size:]
	}
	number, after, term := numbers[0], numbers[1], numbers[2]
	l.mu.Lock()
	ri := &l.ring
	differs := byte(0)
	next := max(after+1, ri.first)
	if !ri.continues(after, term) {
		differs, next = 1, ri.first
	}
	answer := binary.AppendUvarint(nil, number)
	answer = append(answer, differs)
	for _, v := range [...]uint64{ri.term(), ri.last(), next} {
		answer = binary.AppendUvarint(answer, v)
	}
	for ; next <= ri.last() && len(answer) < maxPart; next++ {
		r := ri.get(next)
		if len(answer) > maxPart/16 && len(answer)+len(r) > 2*maxPart {
			break // a large record has a part of its own
		}
		answer = append(binary.AppendUvarint(answer, uint64(len(r))), r...)
	}
	l.mu.Unlock()
	l.send(from, false, answer)
	return true
}

// ReceivePart handles the answer to a read of this node. It returns false if the message cannot be read. b is lent.
func (l *Log) ReceivePart(b []byte) bool {
	p, ok := parsePart(b)
	if !ok {
		return false
	}
	l.mu.Lock()
	wanted := p.number == l.asked
	l.mu.Unlock()
	if wanted {
		select {
		case l.parts <- p:
		default: // a repetition
		}
	}
	return true
}

func parsePart(b []byte) (p part, ok bool) {
	next := func() uint64 {
		n, size := binary.Uvarint(b)
		if ok = ok && size > 0; !ok {
			return 0
		}
		b = b[size:]
		return n
	}
	ok = true
	p.number = next()
	if !ok || len(b) == 0 {
		return part{}, false
	}
	p.differs, b = b[0] == 1, b[1:]
	p.term, p.last, p.from = next(), next(), next()
	for ok && len(b) > 0 {
		n := next()
		if !ok || n > uint64(len(b)) {
			return part{}, false
		}
		p.records = append(p.records, append([]byte(nil), b[:n]...))
		b = b[n:]
	}
	return p, ok
}

// Sync reads from the owner what this copy does not have. If the copies differ, it replaces this one. It returns when nothing is missing, the owner
// does not answer, or ctx ends. It blocks.
func (l *Log) Sync(ctx context.Context) {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	var other *ring // that replaces this copy
	for {
		c, number, message := l.nextRead(&other)
		if message == nil {
			return
		}
		l.send(c.Node, true, message)
		p, ok := l.awaitPart(ctx, number)
		if !ok || p.term < c.Term || !l.takePart(&p, &other) {
			return // the next heartbeat of the owner begins again
		}
	}
}

// nextRead returns the next read; nil if nothing is missing: then other has replaced the copy.
func (l *Log) nextRead(other **ring) (c Claim, number uint64, message []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	to := *other
	if to == nil {
		to = &l.ring
	}
	if !l.claim.behind(to) {
		if *other != nil && (*other).isNewer(&l.ring) { // else this node has become the owner meanwhile
			l.replaced = true
			l.ring = **other
		}
		return Claim{}, 0, nil
	}
	l.asked++
	message = binary.AppendUvarint(nil, l.asked)
	message = binary.AppendUvarint(message, to.last())
	return l.claim, l.asked, binary.AppendUvarint(message, to.term())
}

// awaitPart waits for the answer to a read.
func (l *Log) awaitPart(ctx context.Context, number uint64) (p part, ok bool) {
	timeout := time.NewTimer(partTimeout)
	defer timeout.Stop()
	for {
		select {
		case p := <-l.parts:
			if p.number == number {
				return p, true
			}
		case <-timeout.C:
			return part{}, false
		case <-ctx.Done():
			return part{}, false
		}
	}
}

// takePart adds the records of a part. It returns false if they do not fit.
func (l *Log) takePart(p *part, other **ring) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.differs {
		begins := newRing(p.from)
		*other = &begins
	}
	to := *other
	if to == nil {
		to = &l.ring
		if to.last() == 0 && len(to.terms) == 0 {
			to.first = p.from // the owner has removed the records before
		}
	}
	progress := p.differs
	for i, b := range p.records {
		seq := p.from + uint64(i)
		if seq <= to.last() {
			continue
		}
		head, _, err := record.Open(b)
		if err != nil || seq != to.last()+1 || head.Expected != seq-1 || head.Term < to.term() {
			return false
		}
		to.add(head.Term, b)
		progress = true
	}
	return progress || p.last <= to.last() && p.term == to.term()
}
