// Package report makes files of a result, for people and for other programs.
package report

import (
	"errors"
	"io"

	"github.com/throng-chat/throng/bench/result"
)

// HTML is to come.
func HTML(io.Writer, *result.Result) error { return errors.New("no HTML yet") }
