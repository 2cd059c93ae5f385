package deflate

import (
	"strings"
	"testing"
)

func TestNegotiate(t *testing.T) {
	t.Parallel()
	const none = "server_no_context_takeover; client_no_context_takeover"
	for _, tt := range []struct {
		name, offer string
		window      Window
		answer      string // after the name of the extension
	}{
		{"no header", "", 0, ""},
		{"Firefox, OkHttp", "permessage-deflate", 15, none},
		{"Chrome, Safari, Node ws", "permessage-deflate; client_max_window_bits", 15, none},
		{"Go clients", "permessage-deflate; server_no_context_takeover; client_no_context_takeover", 15, none},
		{"Python websockets", "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12", 12, none + "; server_max_window_bits=12"},
		{"least window", "permessage-deflate;server_max_window_bits=8", 8, none + "; server_max_window_bits=8"},
		{"largest window", "permessage-deflate;server_max_window_bits=15", 15, none + "; server_max_window_bits=15"},
		{"a quoted value", `permessage-deflate; server_max_window_bits="10"`, 10, none + "; server_max_window_bits=10"},
		{"space", " permessage-deflate\t;  server_max_window_bits = 9 ", 9, none + "; server_max_window_bits=9"},
		{"upper case", "Permessage-Deflate; CLIENT_MAX_WINDOW_BITS", 15, none},
		{"another extension first", "x-webkit-deflate-frame; a=b, permessage-deflate", 15, none},
		{"the first that is well-formed", "permessage-deflate; unknown, permessage-deflate; server_max_window_bits=10, permessage-deflate", 10, none + "; server_max_window_bits=10"},
		{"a choice", "permessage-deflate; server_max_window_bits=10, permessage-deflate", 10, none + "; server_max_window_bits=10"},

		{"another extension", "permessage-bzip2", 0, ""},
		{"a longer name", "permessage-deflated", 0, ""},
		{"an unknown parameter", "permessage-deflate; foo", 0, ""},
		{"a repeated parameter", "permessage-deflate; client_max_window_bits; client_max_window_bits", 0, ""},
		{"a flag with a value", "permessage-deflate; server_no_context_takeover=1", 0, ""},
		{"a flag with a value", "permessage-deflate; client_no_context_takeover=true", 0, ""},
		{"no window", "permessage-deflate; server_max_window_bits", 0, ""},
		{"a window below 8", "permessage-deflate; server_max_window_bits=7", 0, ""},
		{"a window above 15", "permessage-deflate; server_max_window_bits=16", 0, ""},
		{"a leading zero", "permessage-deflate; server_max_window_bits=08", 0, ""},
		{"a window that is no number", "permessage-deflate; server_max_window_bits=1x", 0, ""},
		{"a long number", "permessage-deflate; server_max_window_bits=100", 0, ""},
		{"a window of the client below 8", "permessage-deflate; client_max_window_bits=7", 0, ""},

		{"an empty parameter", "permessage-deflate;", 0, ""},
		{"an empty extension", ", permessage-deflate", 0, ""},
		{"a comma at the end", "permessage-deflate,", 0, ""},
		{"two tokens", "permessage-deflate foo", 0, ""},
		{"an equals sign without a value", "permessage-deflate; server_max_window_bits=", 0, ""},
		{"an open quote", `permessage-deflate; server_max_window_bits="10`, 0, ""},
		{"empty quotes", `permessage-deflate; server_max_window_bits=""`, 0, ""},
		{"a fault behind a good offer", "permessage-deflate, ;", 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := tt.answer
			if want != "" {
				want = "permessage-deflate; " + want
			}
			if w, answer := Negotiate(tt.offer, false); w != tt.window || answer != want {
				t.Errorf("Negotiate(%q) = %d, %q; want %d, %q", tt.offer, w, answer, tt.window, want)
			}
		})
	}
}

// A client that does not exclude it may be sent messages that refer to others, if its window is large enough.
func TestNegotiateAContext(t *testing.T) {
	t.Parallel()
	const (
		context = "permessage-deflate; client_no_context_takeover"
		none    = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	)
	for _, tt := range []struct {
		name, offer string
		window      Window
		answer      string
	}{
		{"no header", "", 0, ""},
		{"Firefox, OkHttp", "permessage-deflate", 15 | contextTakeover, context},
		{"Chrome, Safari, Node ws", "permessage-deflate; client_max_window_bits", 15 | contextTakeover, context},
		{"Python websockets", "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12", 12 | contextTakeover, context + "; server_max_window_bits=12"},
		{"the least window", "permessage-deflate; server_max_window_bits=11", 11 | contextTakeover, context + "; server_max_window_bits=11"},
		{"a window that is too small", "permessage-deflate; server_max_window_bits=10", 10, none + "; server_max_window_bits=10"},
		{"Go clients", "permessage-deflate; server_no_context_takeover; client_no_context_takeover", 15, none},
		{"without a context of the server", "permessage-deflate; SERVER_NO_CONTEXT_TAKEOVER", 15, none},
		{"without a context of the client", "permessage-deflate; client_no_context_takeover", 15 | contextTakeover, context},
		{"the first offer decides", "permessage-deflate; server_no_context_takeover, permessage-deflate", 15, none},
		{"a bad offer does not", "permessage-deflate; server_no_context_takeover=1, permessage-deflate", 15 | contextTakeover, context},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, answer := Negotiate(tt.offer, true)
			if w != tt.window || answer != tt.answer {
				t.Errorf("Negotiate(%q) = %d, %q; want %d, %q", tt.offer, w, answer, tt.window, tt.answer)
			}
			if w.Shares() && strings.Contains(answer, noServerContext) {
				t.Error("the answer excludes what the window has")
			}
		})
	}
}

func FuzzNegotiate(f *testing.F) {
	f.Add("permessage-deflate; server_max_window_bits=10, permessage-deflate")
	f.Add(`a; b="c", permessage-deflate;client_max_window_bits`)
	f.Fuzz(func(t *testing.T, offer string) {
		w, answer := Negotiate(offer, false)
		shared, shares := Negotiate(offer, true)
		if shared.Alone() != w || shared.Shares() == strings.Contains(shares, noServerContext) != (w == 0) ||
			strings.Contains(answer, noServerContext) != (w != 0) || w.Shares() {
			t.Fatalf("Negotiate(%q) = %d, %q; with a shared context %d, %q", offer, w, answer, shared, shares)
		}
		if (w == 0) != (answer == "") || w != 0 && (w < minWindow || w > maxWindow) {
			t.Fatalf("Negotiate(%q) = %d, %q", offer, w, answer)
		}
		if w != 0 && !strings.Contains(strings.ToLower(offer), name) {
			t.Fatalf("Negotiate(%q) accepts what was not offered: %q", offer, answer)
		}
		// A client that offers what was answered gets the same.
		if again, same := Negotiate(answer, false); w != 0 && (again != w || same != answer) {
			t.Fatalf("Negotiate(%q) = %d, %q; want %d and the same text", answer, again, same, w)
		}
	})
}

func TestAWindowHoldsAMessage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		w    Window
		n    int
		want bool
	}{{0, 1, false}, {8, 256, true}, {8, 257, false}, {15, 32 << 10, true}, {15, 32<<10 + 1, true}} {
		if got := tt.w.Holds(tt.n); got != tt.want {
			t.Errorf("Window(%d).Holds(%d) = %v, want %v", tt.w, tt.n, got, tt.want)
		}
	}
}
