// Package proxyheader reads the header of the PROXY protocol, versions 1 and 2: the first bytes that a proxy sends on a connection, with the
// address of its client. The format is that of proxy-protocol.txt of HAProxy. The package finds the end of the header; the library
// go-proxyproto parses it. No socket, no clock: functions of bytes, which any goroutine may call.
package proxyheader

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/pires/go-proxyproto"
)

const (
	maxV1    = 107  // bytes of a header of version 1, with its CRLF
	prefixV2 = 16   // bytes of a header of version 2 before the addresses
	maxV2    = 4096 // bytes after that prefix: addresses and TLVs. A client certificate in a TLV has about 2 KiB

	// Max is the size of the longest header that Parse accepts, in bytes.
	Max = prefixV2 + maxV2
)

var (
	// ErrIncomplete is the error for the beginning of a header: more bytes are needed, Max together at most.
	ErrIncomplete = errors.New("the PROXY protocol header is incomplete")
	// ErrMissing is the error for bytes that are not the beginning of a header.
	ErrMissing = errors.New("no PROXY protocol header")

	errV1Length = fmt.Errorf("a header of version 1 has no line end within %d bytes", maxV1)
	errDatagram = errors.New("the protocol of the client is a datagram protocol, want a stream")
)

var (
	signatureV1 = append(bytes.Clone(proxyproto.SIGV1), ' ')
	signatureV2 = proxyproto.SIGV2
)

// Header is a parsed header.
type Header struct {
	// Own reports that the connection is one of the proxy itself, such as a health check (LOCAL in version 2), or that the proxy does not know
	// its client (UNKNOWN in version 1). The address of the socket stays.
	Own bool
	// Client is the address and port of the client. It is invalid if Own is true, or if the proxy has its client from a Unix socket.
	Client netip.AddrPort
}

// Begins reports whether b begins with the signature of a header.
func Begins(b []byte) bool { return bytes.HasPrefix(b, signatureV1) || bytes.HasPrefix(b, signatureV2) }

// Parse parses the header at the beginning of b, of which n is the size. The error is ErrIncomplete, ErrMissing, or the fault of the header.
func Parse(b []byte) (h Header, n int, err error) {
	if n, err = length(b); err != nil {
		return Header{}, 0, err
	}
	// The library needs the whole header in the buffer of its reader.
	parsed, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(b[:n]), n))
	if err != nil {
		return Header{}, 0, err
	}
	if parsed.Command.IsLocal() {
		return Header{Own: true}, n, nil
	}
	switch from := parsed.SourceAddr.(type) {
	case *net.TCPAddr:
		at := from.AddrPort()
		return Header{Client: netip.AddrPortFrom(at.Addr().Unmap(), at.Port())}, n, nil
	case *net.UnixAddr:
		if from.Net == "unix" {
			return Header{}, n, nil
		}
	}
	return Header{}, 0, errDatagram
}

// length returns the size of the header at the beginning of b.
func length(b []byte) (int, error) {
	switch {
	case bytes.HasPrefix(b, signatureV1):
		line := b[:min(len(b), maxV1)]
		if at := bytes.IndexByte(line, '\n'); at >= 0 {
			return at + 1, nil
		}
		if len(line) == maxV1 {
			return 0, errV1Length
		}
		return 0, ErrIncomplete
	case bytes.HasPrefix(b, signatureV2):
		if len(b) < prefixV2 {
			return 0, ErrIncomplete
		}
		rest := int(binary.BigEndian.Uint16(b[prefixV2-2:]))
		if rest > maxV2 {
			return 0, fmt.Errorf("a header of version 2 has %d bytes after its first %d: at most %d are allowed", rest, prefixV2, maxV2)
		}
		if len(b) < prefixV2+rest {
			return 0, ErrIncomplete
		}
		return prefixV2 + rest, nil
	case bytes.HasPrefix(signatureV1, b), bytes.HasPrefix(signatureV2, b):
		return 0, ErrIncomplete
	}
	return 0, ErrMissing
}
