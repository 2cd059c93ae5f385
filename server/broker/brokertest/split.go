package brokertest

import "github.com/throng-chat/throng/server/broker"

// Split parts nodes from the others, or joins all again if there are none. Messages do not pass between the two sides. About half of the nodes get
// a report (Lost) that they miss some. The appends and Puts of the parted nodes stay without an outcome until they join the others, and they read what
// is stored.
func (f *Fake) Split(minority ...broker.Engine) {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.network.minority)
	for _, e := range minority {
		f.network.minority[e.Self()] = true
	}
	for _, n := range f.nodes {
		n.missed = n.missed || f.random.IntN(2) == 0
	}
	f.wakeLocked()
}

// Cut loses the messages of one node to another, without a report, or lets them pass again. The log of both works.
func (f *Fake) Cut(from, to broker.Engine, on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.network.cut[way{from.Self(), to.Self()}] = on
}

// Delay keeps the messages to a node, or delivers them in order. The log of the node works.
func (f *Fake) Delay(to broker.Engine, on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.network.delayed[to.Self()] = on
	f.wakeLocked()
}

// Heal ends each Split, Cut and Delay.
func (f *Fake) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.network = newNetwork()
	f.wakeLocked()
}
