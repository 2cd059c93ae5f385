//go:build unix && !linux

package netpoll

// HungUp cannot be told here without reading.
func HungUp(*Socket) bool { return false }
