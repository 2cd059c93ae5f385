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
		"wss://a.example":        "wss://a.example" + plain.Path,
		"https://a.example:8443": "wss://a.example:8443" + plain.Path,
	} {
		if u, err := ParseURL(text, plain); err != nil || u.String() != want {
			t.Errorf("%q: got %v, %v, want %s", text, u, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                    "missing",
		"dance":               "or a scenario",
		"wss://":              "must be ws://",
		"wss://u:p@a.example": "or wss://",
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

func TestThePortDependsOnTheScheme(t *testing.T) {
	for text, want := range map[string]uint16{"ws://127.0.0.1": 80, "wss://127.0.0.1": 443, "wss://127.0.0.1:8443": 8443} {
		u, err := ParseURL(text, &Protocols[0])
		if err != nil {
			t.Fatal(err)
		}
		if to, err := Resolve(t.Context(), u); err != nil || to.Address.Port() != want {
			t.Errorf("%s: got %v, %v, want port %d", text, to, err, want)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{"ws://127.0.0.1:3000/ws", "[::1]:9", "a.b?c=d", "%", "ws://[", "http://a.b:99999", "wss://a.b/c"} {
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
