package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/throng-chat/throng/bench/result"
)

// Exit codes. A program that runs throng can rely on them.
const (
	exitFailed = 1 // could not do it
	exitUsage  = 2 // flags, environment or config are wrong
	exitInUse  = 3 // an address is in use
)

// exitError is an error that chose its exit code. Any other error means exitFailed.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// fail prints err and returns its exit code.
func fail(err error) int {
	fmt.Fprintf(os.Stderr, "throng: %s\n", result.Printable(err.Error())) // it may say what a server said
	if e := (*exitError)(nil); errors.As(err, &e) {
		return e.code
	}
	return exitFailed
}
