// Package limiter limits what clients use. It has no goroutine and no clock: the caller passes the time.
//
//	Rate, Meter    a rate of one client: eight bytes, no timer
//	Parked         the meters of clients that are not connected, for their reconnect
//	AddressRates   a rate of each address, in a fixed amount of memory
//	Slots          requests in progress; the address with the most evicts one of its own for another address
//	Heaviest       that rule by itself, for queues that other packages keep
//	Budget         bytes that all connections share
//	AddressKey     maps an IP address to the key by which it is counted
//
// Two bounds for each address are kept by other packages, because they need more than a number: chat.Address has the count and the meter
// that the connections of an address share, and each connection holds a pointer to it, so that a command costs no look-up. edge counts
// the pending connections of an address and evicts the oldest of the same address: waiting connections are normal there, and cheap.
package limiter
