package plain

import (
	"strings"
	"testing"
	"unsafe"

	"github.com/throng-chat/throng/server/chat"
)

// 224 bytes are a size class of Go's allocator: one more word costs 16 bytes of each client.
func TestAClientTakes224Bytes(t *testing.T) {
	if got := unsafe.Sizeof(Client{}); got != 224 {
		t.Errorf("got %d bytes, want 224", got)
	}
}

// The close text for a denied publication names the option that denies it, and fits in a close frame.
func TestADeniedPublicationNamesTheOption(t *testing.T) {
	for want, o := range map[string]chat.RoomOptions{
		"(publish): use the server API":                            {Publish: chat.Nobody, PublishProxy: true},
		"(publish-proxy): connect to /connection/websocket":        {Publish: chat.Anyone, PublishProxy: true},
		"(publish): connect to /connection/websocket with a token": {Publish: chat.SignedIn},
	} {
		if got := publishDenial(&chat.Options{RoomOptions: o}); !strings.HasSuffix(got, want) || len(got) > 123 {
			t.Errorf("got %q of %d bytes, want it to end with %q", got, len(got), want)
		}
	}
}
