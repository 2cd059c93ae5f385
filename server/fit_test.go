package server

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
)

// tight fails the test if b uses much more memory than it needs.
func tight(t *testing.T, what string, b []byte) {
	t.Helper()
	if cap(b) > len(b)+chat.MaxSlack(len(b)) {
		t.Errorf("%s of %d bytes keeps %d", what, len(b), cap(b))
	}
}

func TestStoredDataHasNoSpareCapacity(t *testing.T) {
	ends := strings.Repeat("\n", 60_000)
	decoded := func(text string) []byte {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	short := base64.StdEncoding.EncodeToString([]byte("\xff\xfe"))
	for name, data := range map[string][]byte{
		"JSON with line ends":  []byte("{" + ends + `"a":1}`),
		"bytes in base64":      decoded(short + ends),
		"JSON in base64":       decoded(base64.StdEncoding.EncodeToString([]byte(`[1]`)) + ends),
		"a slice of something": append(make([]byte, 0, 60_000), `[1,2]`...),
	} {
		p, ok := session.PublicationOf(data)
		if !ok {
			t.Fatalf("%s: rejected", name)
		}
		tight(t, name, p.Data)
		tight(t, name+" as info", session.AsJSON(data))
	}
	s := silentSession(session.JSONEncoding)
	tight(t, "info", s.InfoIn(append(make([]byte, 0, 60_000), `{}`...)).ChanInfo)
}
