// Package limiter bounds what clients use: rates (Rate, with a Meter of eight bytes per client and no timer) and budgets of bytes that all
// connections share (Budget). AddressKey says which IP addresses count as one. It has no goroutine and no clock: the caller brings the
// time.
package limiter
