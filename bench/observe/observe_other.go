//go:build !linux

package observe

import (
	"errors"
	"net/netip"
	"time"
)

var errNoProc = errors.New("observe: needs /proc, which only Linux has: run the bench on Linux")

// Read fails, because there is no /proc.
func Read(int, bool) (Usage, error) { return Usage{}, errNoProc }

// FindListener returns 0, because there is no /proc.
func FindListener(netip.AddrPort) int { return 0 }

// Command returns an empty string, because there is no /proc.
func Command(int) string { return "" }

// Busy returns false, because there is no /proc.
func Busy() (time.Duration, bool) { return 0, false }

// TCPMemory returns 0, because there is no /proc.
func TCPMemory() int64 { return 0 }

// ownThrottled returns 0, because there are no control groups.
func ownThrottled() time.Duration { return 0 }

type process struct{}

func newProcess(int) *process { return &process{} }

func (*process) read(*Row, bool) error { return errNoProc }
