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
func (k *constant) intended(n uint64) int64 {
	return k.start + int64(n/k.rate)*1e9 + int64(n%k.rate*1e9/k.rate)
}

func (k *constant) next() (int64, int, bool) {
	for k.n%k.publishers%k.agents != k.agent {
		k.n++
	}
	at := k.intended(k.n)
	return at, int(k.n % k.publishers), at < k.end
}

func (k *constant) done() { k.n++ }

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

func (po *poisson) next() (int64, int, bool) {
	at := po.start + int64(po.at)
	return at, po.publisher, at < po.end
}

func (po *poisson) done() {
	po.at += po.random.ExpFloat64() * po.gap
	po.publisher = po.publishers[po.random.IntN(len(po.publishers))]
}

// once gives each publisher's first message of a closed loop.
type once struct {
	at         int64
	publishers []int
}

func (on *once) next() (int64, int, bool) {
	if len(on.publishers) == 0 {
		return 0, 0, false
	}
	return on.at, on.publishers[0], true
}

func (on *once) done() { on.publishers = on.publishers[1:] }
