package deflate

import "strings"

// Window is the LZ77 window that a client inflates with, as a power of two (8 to 15); 0 if the extension is not negotiated. With
// contextTakeover the client keeps it from one message to the next.
type Window uint8

const (
	minWindow Window = 8
	maxWindow Window = 15

	contextTakeover Window = 1 << 4
)

// Holds reports whether a window is long enough for a message of n bytes, whatever distances its compressed form has. No distance is longer
// than the largest window.
func (w Window) Holds(n int) bool {
	w = w.Alone()
	return w == maxWindow || w != 0 && n <= 1<<w
}

// Shares reports whether messages of the client may be compressed with a Context.
func (w Window) Shares() bool { return w&contextTakeover != 0 }

// Alone returns the window of a client whose messages are compressed by themselves.
func (w Window) Alone() Window { return w &^ contextTakeover }

const (
	name            = "permessage-deflate"
	noServerContext = "; server_no_context_takeover"
	noClientContext = "; client_no_context_takeover"
	noContexts      = name + noServerContext + noClientContext
)

// Negotiate accepts the first well-formed offer of permessage-deflate in a header Sec-WebSocket-Extensions (RFC 7692, 5 and 7.1). A wrong
// parameter declines its offer, and a wrong list declines all offers. answer is the value of the same header in the response. The window is 0
// and the answer empty if no offer is accepted.
//
// The answer excludes context takeover of the client, so that a connection has no state. With share it permits that of the server, unless the
// client excludes it or its window is too small: then w.Shares. The answer never has client_max_window_bits: the window of the inflater does
// not depend on it.
func Negotiate(header string, share bool) (w Window, answer string) {
	for rest, more := header, header != ""; more; {
		var o offer
		var ok bool
		if o, rest, more, ok = nextOffer(rest); !ok {
			return 0, ""
		}
		if w == 0 && o.acceptable {
			w, answer = o.accepted(share)
		}
	}
	return w, answer
}

// accepted returns the result of Negotiate for an acceptable offer.
func (o *offer) accepted(share bool) (w Window, answer string) {
	w, answer = o.window, noContexts
	if share && o.seen&serverNoContext == 0 && w >= contextWindow {
		w, answer = w|contextTakeover, name+noClientContext
	}
	if o.limited {
		answer += serverWindows[o.window-minWindow]
	}
	return w, answer
}

// serverWindows has the parameter of the answer for each window that a client asks for.
var serverWindows = [...]string{
	"; server_max_window_bits=8", "; server_max_window_bits=9", "; server_max_window_bits=10", "; server_max_window_bits=11",
	"; server_max_window_bits=12", "; server_max_window_bits=13", "; server_max_window_bits=14", "; server_max_window_bits=15",
}

// offer is one extension of the list.
type offer struct {
	acceptable bool   // permessage-deflate, with parameters that are known and well-formed
	window     Window // that the server may use
	limited    bool   // the client asks for that window
	seen       uint8  // parameters, as bits
}

// nextOffer reads one extension of the list. more reports whether rest has another one. ok is false if the list is not well-formed.
func nextOffer(list string) (o offer, rest string, more, ok bool) {
	extension, rest, ok := token(list)
	if !ok {
		return o, "", false, false
	}
	o = offer{acceptable: strings.EqualFold(extension, name), window: maxWindow}
	for {
		rest = skipSpace(rest)
		switch {
		case rest == "":
			return o, "", false, true
		case rest[0] == ',':
			return o, rest[1:], true, true
		case rest[0] != ';':
			return o, "", false, false
		}
		var key, value string
		var has bool
		if key, value, has, rest, ok = parameter(rest[1:]); !ok {
			return o, "", false, false
		}
		if !o.accept(key, value, has) {
			o.acceptable = false
		}
	}
}

// The parameters of RFC 7692, 7.1.
const (
	serverNoContext = 1 << iota
	clientNoContext
	serverMaxWindow
	clientMaxWindow
)

// accept adds a parameter to the offer. It returns false if the parameter is unknown, repeated, or has a wrong value.
func (o *offer) accept(key, value string, has bool) bool {
	var parameter uint8
	bits := maxWindow
	valid := !has
	switch strings.ToLower(key) {
	case "server_no_context_takeover":
		parameter = serverNoContext
	case "client_no_context_takeover":
		parameter = clientNoContext
	case "server_max_window_bits":
		parameter = serverMaxWindow
		if bits, valid = windowOf(value); valid {
			o.window, o.limited = bits, true
		}
	case "client_max_window_bits": // its value is a hint
		parameter = clientMaxWindow
		if has {
			_, valid = windowOf(value)
		}
	}
	repeated := o.seen&parameter != 0
	o.seen |= parameter
	return parameter != 0 && !repeated && valid
}

// windowOf reads the number of a window: 8 to 15, without a leading zero.
func windowOf(s string) (Window, bool) {
	switch {
	case len(s) == 1 && (s[0] == '8' || s[0] == '9'):
		return Window(s[0] - '0'), true
	case len(s) == 2 && s[0] == '1' && s[1] >= '0' && s[1] <= '5':
		return 10 + Window(s[1]-'0'), true
	}
	return 0, false
}

// parameter reads a name, with or without a value (RFC 6455, 9.1). A quoted value must be a token without its quotes.
func parameter(s string) (key, value string, has bool, rest string, ok bool) {
	if key, rest, ok = token(s); !ok {
		return "", "", false, "", false
	}
	rest = skipSpace(rest)
	if rest == "" || rest[0] != '=' {
		return key, "", false, rest, true
	}
	rest = skipSpace(rest[1:])
	if quoted, is := strings.CutPrefix(rest, `"`); is {
		// An escape is legal, and no value of this extension needs one.
		if value, rest, ok = token(quoted); !ok || rest == "" || rest[0] != '"' {
			return "", "", false, "", false
		}
		return key, value, true, rest[1:], true
	}
	value, rest, ok = token(rest)
	return key, value, true, rest, ok
}

// token reads a token (RFC 9110, 5.6.2) after optional space.
func token(s string) (t, rest string, ok bool) {
	s = skipSpace(s)
	n := 0
	for n < len(s) && isTokenByte(s[n]) {
		n++
	}
	return s[:n], s[n:], n > 0
}

func isTokenByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

func skipSpace(s string) string { return strings.TrimLeft(s, " \t") }
