package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/throng-chat/throng/bench/result"
)

// Exit codes. They are part of the interface of throng.
const (
	exitFailed = 1 // the command failed
	exitUsage  = 2 // invalid flags, environment or config file
	exitInUse  = 3 // an address is in use, or the data directory
)

// exitError is an error with an exit code. All other errors have exitFailed.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// fail prints err and returns its exit code.
func fail(err error) int {
	fmt.Fprintf(os.Stderr, "throng: %s\n", result.Printable(err.Error())) // it may quote text of a server
	if e := (*exitError)(nil); errors.As(err, &e) {
		return e.code
	}
	return exitFailed
}
