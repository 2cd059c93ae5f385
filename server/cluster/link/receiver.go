package link

// Receiver accepts the requests of other nodes, on the owner of a log. It has no lock: its caller has one.
type Receiver struct {
	edges map[uint64]*edge
}

// edge is what the owner knows of one node.
type edge struct {
	term    uint64
	next    uint64            // number of the next request
	oldest  uint64            // the node has the answers before it
	answers map[uint64]Answer // that the node may not have
}

// NewReceiver returns a Receiver that has accepted nothing.
func NewReceiver() *Receiver { return &Receiver{edges: map[uint64]*edge{}} }

// Accept reports whether the request of a node is the next one in a term. oldest is the number that the node has no answer for: the first
// request of a term has it. A repetition is not accepted; again is its answer if there is one.
func (rc *Receiver) Accept(from Origin, term, oldest uint64) (accepted bool, again *Answer) {
	e := rc.edges[from.Edge]
	if e == nil || e.term != term {
		if from.Number != oldest {
			return false, nil
		}
		e = &edge{term: term, next: oldest, answers: map[uint64]Answer{}}
		rc.edges[from.Edge] = e
	}
	if oldest > e.oldest {
		e.oldest, e.next = oldest, max(e.next, oldest) // the node has given up what it did not send
		for number := range e.answers {
			if number < oldest {
				delete(e.answers, number)
			}
		}
	}
	switch {
	case from.Number == e.next:
		e.next++
		return true, nil
	case from.Number < e.next:
		if a, ok := e.answers[from.Number]; ok {
			return false, &a
		}
	}
	return false, nil
}

// Keep keeps an answer until the node has it.
func (rc *Receiver) Keep(edge, term uint64, a Answer) {
	if e := rc.edges[edge]; e != nil && e.term == term {
		e.answers[a.Number] = a
	}
}

// Forget forgets the answers to a node that has left. Its numbers still count: until it ends it may send requests again, which must not be done twice.
func (rc *Receiver) Forget(edge uint64) {
	if e := rc.edges[edge]; e != nil {
		clear(e.answers)
	}
}
