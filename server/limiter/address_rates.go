package limiter

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// AddressRates limits how often each address may do something. It has a fixed number of meters, so its memory does not grow with the
// number of addresses. A hash with a random seed selects the meter; addresses with the same hash share one. Any goroutine may use it.
type AddressRates struct {
	rate atomic.Pointer[Rate]
	seed maphash.Seed // constant

	mu     sync.Mutex // a leaf
	meters []Meter    // guarded by mu
}

// NewAddressRates returns rates with so many meters of eight bytes.
func NewAddressRates(rate Rate, meters int) *AddressRates {
	ar := &AddressRates{seed: maphash.MakeSeed(), meters: make([]Meter, meters)}
	ar.SetRate(rate)
	return ar
}

// SetRate replaces the rate. The meters stay.
func (ar *AddressRates) SetRate(rate Rate) { ar.rate.Store(&rate) }

// Allow reports whether an address may do it once more now, and if so counts it. An address without a limit costs no lock. The zero Addr, of
// a peer of a Unix socket, has no limit.
func (ar *AddressRates) Allow(a netip.Addr, now time.Duration) bool {
	rate := *ar.rate.Load()
	if rate.Every == 0 || !a.IsValid() {
		return true
	}
	at := ar.Index(a)
	ar.mu.Lock()
	defer ar.mu.Unlock()
	return rate.Allow(&ar.meters[at], now, 1)
}

// Index returns which meter an address has.
func (ar *AddressRates) Index(a netip.Addr) uint64 {
	return maphash.Comparable(ar.seed, AddressKey(a)) % uint64(len(ar.meters))
}
