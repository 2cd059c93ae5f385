//go:build !linux

package observe

import (
	"errors"
	"net/netip"
	"time"
)

var errNoProc = errors.New("observe: needs /proc, which only Linux has: run the bench on Linux")

// Read fails: there is no /proc.
func Read(int, bool) (Usage, error) { return Usage{}, errNoProc }

// FindListener finds none: there is no /proc.
func FindListener(netip.AddrPort) int { return 0 }

// Command is not known: there is no /proc.
func Command(int) string { return "" }

// Busy is not known: there is no /proc.
func Busy() (time.Duration, bool) { return 0, false }

// TCPMemory is not known: there is no /proc.
func TCPMemory() int64 { return 0 }

// ownThrottled is not known: there are no control groups.
func ownThrottled() time.Duration { return 0 }

type process struct{}

func newProcess(int) *process { return &process{} }

func (*process) read(*Row, bool) error { return errNoProc }
