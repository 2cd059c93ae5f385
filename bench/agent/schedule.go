package agent

import "math/rand/v2"

// schedule gives the scheduled time and the publisher of each message. It does not depend on the progress of earlier messages: the load is
// open-loop. It has no clock.
type schedule interface {
	// next returns the next message: its scheduled time and its publisher. It returns false after the last one.
	next() (intended int64, publisher int, ok bool)
	// done marks that message as sent.
	done()
}

// constant schedules message n at start + n/rate, by the publishers in turn. Each of several agents schedules the messages of its own
// publishers.
type constant struct {
	start, end    int64 // nanoseconds of the clock
	rate          uint64
	n             uint64
	publishers    uint64
	agent, agents uint64
}

// intended returns the scheduled time of message n.
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

// poisson schedules messages at random times, as independent publishers send them (a Poisson process). The sum of all agents is a Poisson
// process of the whole rate.
type poisson struct {
	random     *rand.Rand
	publishers []int
	gap        float64 // mean nanoseconds between two messages
	at         float64 // of the next message, in nanoseconds from start
	publisher  int
	start, end int64
}

// newPoisson returns a schedule of rate messages a second on average, over the given publishers.
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

// once schedules the first message of each publisher of a closed loop.
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
