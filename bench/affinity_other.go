//go:build !linux

package bench

// sameProcessors does nothing: the floor server runs on Linux only.
func sameProcessors(int, int) error { return nil }
