package timeline

// people are the users that messages, mentions and reactions name. Each has a number, which reactions store in place of the user ID. A user
// without a reference is removed.
type people struct {
	byUser   map[string]*person
	numbered []*person // nil for a free number
	free     []uint32
	bytes    int
}

// person is one user.
type person struct {
	user   string
	number uint32
	refs   uint32  // messages, mentions and reactions of the user
	counts *counts // nil until the user is an author or is mentioned
}

// counts are the messages of a user that are not deleted, for the number of unread messages and mentions.
type counts struct {
	own       offsets // written by the user
	ownHere   offsets // those of them that mention Here
	mentioned offsets // written by others, mention the user and not Here
}

// find returns a user, nil if nothing refers to it.
func (g *people) find(user string) *person {
	if user == "" {
		return nil
	}
	return g.byUser[user]
}

// of returns the user with a number.
func (g *people) of(number uint32) *person { return g.numbered[number] }

// refer returns a user with one more reference; nil for none.
func (g *people) refer(user string) *person {
	if user == "" {
		return nil
	}
	p := g.byUser[user]
	if p == nil {
		p = &person{user: user, number: g.number()}
		if g.byUser == nil {
			g.byUser = map[string]*person{}
		}
		g.byUser[user], g.numbered[p.number] = p, p
		g.bytes += personCost + textBytes(user)
	}
	p.refs++
	return p
}

// number returns a free number.
func (g *people) number() uint32 {
	if n := len(g.free); n > 0 {
		number := g.free[n-1]
		g.free = g.free[:n-1]
		return number
	}
	g.numbered = append(g.numbered, nil)
	return uint32(len(g.numbered) - 1)
}

// release ends one reference.
func (g *people) release(p *person) {
	if p == nil {
		return
	}
	if p.refs--; p.refs > 0 {
		return
	}
	g.dropCounts(p)
	delete(g.byUser, p.user)
	g.bytes -= personCost + textBytes(p.user)
	if len(g.byUser) == 0 {
		g.byUser, g.numbered, g.free = nil, nil, nil
		return
	}
	g.numbered[p.number] = nil
	g.free = append(g.free, p.number)
}

// add adds an offset to one of the lists of a user.
func (g *people) add(p *person, list func(*counts) *offsets, offset uint64) {
	if p == nil {
		return
	}
	if p.counts == nil {
		p.counts = &counts{}
		g.bytes += countsCost
	}
	if list(p.counts).add(offset) {
		g.bytes += offsetCost
	}
}

// drop removes an offset from one of the lists of a user.
func (g *people) drop(p *person, list func(*counts) *offsets, offset uint64) {
	if p != nil && p.counts != nil && list(p.counts).drop(offset) {
		g.bytes -= offsetCost
		if c := p.counts; c.own.len()+c.ownHere.len()+c.mentioned.len() == 0 {
			g.dropCounts(p)
		}
	}
}

func (g *people) dropCounts(p *person) {
	if p.counts != nil {
		p.counts = nil
		g.bytes -= countsCost
	}
}

func ownList(c *counts) *offsets       { return &c.own }
func ownHereList(c *counts) *offsets   { return &c.ownHere }
func mentionedList(c *counts) *offsets { return &c.mentioned }
