package main

import (
	"fmt"
	"io"
)

// streams are the standard streams of a command.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// note writes a line for a person to standard error. Standard output has only what a script reads.
func (std *streams) note(format string, args ...any) error {
	_, err := fmt.Fprintf(std.err, "throng: "+format+"\n", args...)
	return err
}
