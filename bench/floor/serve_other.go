//go:build !linux

package floor

import (
	"context"
	"errors"
	"net"
)

// Serve fails, because the floor is implemented for Linux only.
func Serve(context.Context, string, func(net.Addr)) error {
	return errors.New("the floor is measured on Linux only")
}
