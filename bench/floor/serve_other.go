//go:build !linux

package floor

import (
	"context"
	"errors"
	"net"
)

// Serve fails: the floor is Linux's.
func Serve(context.Context, string, func(net.Addr)) error {
	return errors.New("the floor is measured on Linux only")
}
