package agent

import "math/rand/v2"

// A schedule is when each message is meant to leave, and by whom, whatever became of the messages before: the load is
// open-loop. It is told no time and keeps none.
type schedule interface {
	// next is the message that is next to leave: when, and by which publisher. It is false after the last.
	next() (intended int64, publisher int, ok bool)
	// done takes that message as sent.
	done()
}

// schedule is this agent's part of what the plan sends; own are its publishers.
func (r *run) schedule(own []int) schedule {
	switch {
	case len(own) == 0 || r.plan.Rate == 0 && r.plan.Closed == 0:
		return &once{}
	case r.plan.Closed > 0:
		var first []int
		for _, i := range own {
			if i < r.plan.Closed {
				first = append(first, i)
			}
		}
		return &once{at: r.start.At, publishers: first}
	case r.plan.Poisson:
		rate := float64(r.plan.Rate) * float64(len(own)) / float64(r.plan.Publishers)
		return newPoisson(r.start, rate, own, r.plan.Seed+uint64(r.plan.Agent))
	default:
		return &constant{
			start: r.start.At, end: r.start.End, rate: r.plan.Rate, publishers: uint64(r.plan.Publishers),
			agent: uint64(r.plan.Agent), agents: uint64(r.plan.Agents),
		}
	}
}

// constant gives message n to leave at start + n/rate, by the publishers in turn. Of several agents each gives those of its
// own publishers.
type constant struct {
	start, end    int64 // nanoseconds of the clock
	rate          uint64
	n             uint64
	publishers    uint64
	agent, agents uint64
}

// intended is the moment at which message n is to leave.
func (s *constant) intended(n uint64) int64 {
	return s.start + int64(n/s.rate)*1e9 + int64(n%s.rate*1e9/s.rate)
}

func (s *constant) next() (int64, int, bool) {
	for s.n%s.publishers%s.agents != s.agent {
		s.n++
	}
	at := s.intended(s.n)
	return at, int(s.n % s.publishers), at < s.end
}

func (s *constant) done() { s.n++ }

// poisson gives messages that come by chance: publishers that know nothing of each other. The sum of all agents' is again
// such a process, of the whole rate.
type poisson struct {
	random     *rand.Rand
	publishers []int
	gap        float64 // nanoseconds between two messages, on average
	at         float64 // of the next, from start
	publisher  int
	start, end int64
}

// newPoisson gives rate messages a second, on average, over the publishers given.
func newPoisson(during *Start, rate float64, publishers []int, seed uint64) *poisson {
	s := &poisson{random: rand.New(rand.NewPCG(seed, 0x7A1C)), publishers: publishers, gap: 1e9 / rate, start: during.At, end: during.End}
	s.done()
	return s
}

func (s *poisson) next() (int64, int, bool) {
	at := s.start + int64(s.at)
	return at, s.publisher, at < s.end
}

func (s *poisson) done() {
	s.at += s.random.ExpFloat64() * s.gap
	s.publisher = s.publishers[s.random.IntN(len(s.publishers))]
}

// once gives each publisher's first message of a closed loop.
type once struct {
	at         int64
	publishers []int
}

func (s *once) next() (int64, int, bool) {
	if len(s.publishers) == 0 {
		return 0, 0, false
	}
	return s.at, s.publishers[0], true
}

func (s *once) done() { s.publishers = s.publishers[1:] }
