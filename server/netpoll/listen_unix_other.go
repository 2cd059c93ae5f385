//go:build unix && !linux

package netpoll

import "errors"

// MaxUnixPath is the size of the longest path of a Unix socket, in bytes.
const MaxUnixPath = 103

// listenUnix returns an error: nbio has no call that sends all bytes to a full Unix socket.
func listenUnix(string, ListenOptions) (*Listener, error) {
	return nil, errors.New("Unix sockets need Linux")
}
