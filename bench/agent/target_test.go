package agent

import (
	"strings"
	"testing"
)

func TestURLFormsAreAccepted(t *testing.T) {
	plain := &Protocols[0]
	for text, want := range map[string]string{
		"ws://127.0.0.1:3000/ws": "ws://127.0.0.1:3000/ws",
		"127.0.0.1:3000":         "ws://127.0.0.1:3000" + plain.Path,
		"http://[::1]:3000/":     "ws://[::1]:3000" + plain.Path,
		"localhost":              "ws://localhost" + plain.Path,
		"chat.example/x?room=a":  "ws://chat.example/x?room=a",
	} {
		if u, err := ParseURL(text, plain); err != nil || u.String() != want {
			t.Errorf("%q: got %v, %v, want %s", text, u, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                    "missing",
		"dance":               "or a scenario",
		"wss://a.example":     "TLS",
		"ftp://a.example":     "must be ws://",
		"ws://":               "must be ws://",
		"ws://u:p@a.example":  "must be ws://",
		"ws://a.example:0/":   "port",
		"ws://a.example:x/":   "port",
		"ws://a.example/#top": "must be ws://",
	} {
		if u, err := ParseURL(text, plain); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, %v, want an error with %q", text, u, err, want)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{"ws://127.0.0.1:3000/ws", "[::1]:9", "a.b?c=d", "%", "ws://[", "http://a.b:99999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := ParseURL(text, &Protocols[0])
		if err != nil {
			return
		}
		again, err := ParseURL(u.String(), &Protocols[0])
		if err != nil || again.String() != u.String() {
			t.Errorf("%q parses to %q, which parses to %v, %v", text, u, again, err)
		}
	})
}
