package agent

import (
	"errors"
	"strings"
	"testing"
)

func TestTheExtensionOfAResponse(t *testing.T) {
	for text, want := range map[string]deflation{
		"":                   uncompressed,
		"permessage-deflate": following,
		"Permessage-Deflate ; Server_No_Context_Takeover":                            alone,
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover": alone,
		"permessage-deflate; client_no_context_takeover":                             following,
		"permessage-deflate; server_max_window_bits=9; client_max_window_bits=15":    following,
		`permessage-deflate; server_max_window_bits="10"`:                            following,
	} {
		if got, err := agreed([]string{text}); got != want || err != nil {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"x-webkit-deflate-frame", "permessage-deflate, permessage-deflate", "permessage-deflate; server_max_window_bits", "permessage-deflate; server_max_window_bits=7",
		"permessage-deflate; server_max_window_bits=16", "permessage-deflate; server_no_context_takeover=1", "permessage-deflate; x=1",
		"permessage-deflate; client_no_context_takeover; client_no_context_takeover", "permessage-deflate;",
	} {
		if got, err := agreed([]string{text}); !errors.Is(err, errBadExtension) {
			t.Errorf("%q: got %v, %v, want an error", text, got, err)
		}
	}
}

// The texts of a compressed run differ, so that a window of earlier messages does not contain them.
func TestTextsAreVarious(t *testing.T) {
	const size = 310
	f := newFiller(size, true)
	seen := map[string]bool{}
	for publisher := range uint32(20) {
		for seq := range uint32(20) {
			text := f.of(publisher, seq)
			if len(text) != size || text != f.of(publisher, seq) {
				t.Fatalf("got %d bytes, want the same %d each time", len(text), size)
			}
			seen[text] = true
		}
	}
	if len(seen) < 395 {
		t.Errorf("got %d texts of 400 messages", len(seen))
	}
	if plain := newFiller(size, false); len(plain.of(1, 2)) != size || plain.of(1, 2) != plain.of(3, 4) || !strings.HasPrefix(plain.of(1, 2), "the quick") {
		t.Error("without compression, got another text")
	}
}
