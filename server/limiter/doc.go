// Package limiter limits what clients use: rates (Rate, with a Meter of eight bytes per client and no timer), budgets of bytes that all
// connections share (Budget), and requests in progress (Places). AddressKey maps an IP address to the key by which it is counted. The
// package has no goroutine and no clock: the caller passes the time.
package limiter
