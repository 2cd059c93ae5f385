//go:build unix && !linux

package server

import "github.com/lesismal/nbio"

// hungUp cannot be told here without reading.
func hungUp(*nbio.Conn) bool { return false }
