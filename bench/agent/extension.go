package agent

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// deflation is how the server of a connection compresses.
type deflation uint8

const (
	uncompressed deflation = iota
	alone                  // each message by itself
	following              // with context takeover: a message may refer to the ones before it
)

// offer is the extension that --compress requests: that of Chrome, and of most clients. The bench itself sends no compressed message, which is
// always allowed (RFC 7692, 6), so a limit of its window has no effect.
const offer = "permessage-deflate; client_max_window_bits"

var errBadExtension = errors.New("handshake response has a wrong permessage-deflate extension")

// agreed returns what a response to the offer says (RFC 7692, 7.1). Without a header, the server does not compress.
func agreed(headers []string) (deflation, error) {
	list := strings.Join(headers, ",")
	if strings.TrimSpace(list) == "" {
		return uncompressed, nil
	}
	parts := strings.Split(list, ";")
	if !strings.EqualFold(strings.TrimSpace(parts[0]), "permessage-deflate") || strings.Contains(list, ",") {
		return uncompressed, errBadExtension
	}
	how, seen := following, map[string]bool{}
	for _, part := range parts[1:] {
		name, value, has := strings.Cut(part, "=")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.Trim(strings.TrimSpace(value), `"`)
		if seen[name] {
			return uncompressed, fmt.Errorf("%w: %s is there twice", errBadExtension, name)
		}
		seen[name] = true
		bits, err := strconv.Atoi(value)
		window := has && err == nil && bits >= 8 && bits <= 15
		switch {
		case name == "server_no_context_takeover" && !has:
			how = alone
		case name == "client_no_context_takeover" && !has, name == "server_max_window_bits" && window, name == "client_max_window_bits" && window:
		default:
			return uncompressed, fmt.Errorf("%w: %q", errBadExtension, strings.TrimSpace(part))
		}
	}
	return how, nil
}
