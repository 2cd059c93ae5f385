package origin

import (
	"testing"

	"github.com/throng-chat/throng/server/ws"
)

func TestOrigins(t *testing.T) {
	const idn = "https://xn--bcher-kva.example"
	for _, tt := range []struct {
		origin  string
		host    string // empty: chat.example
		allowed []string
		want    bool
	}{
		// The server's own origin.
		{origin: "http://chat.example", want: true},
		{origin: "https://chat.example", want: true},
		{origin: "HTTP://CHAT.EXAMPLE", want: true},
		{origin: "http://chat.example", host: "Chat.Example", want: true},
		{origin: "http://chat.example:80", want: true},
		{origin: "https://chat.example:443", want: true},
		{origin: "http://chat.example", host: "chat.example:80", want: true},
		{origin: "https://chat.example", host: "chat.example:443", want: true},
		{origin: "https://chat.example", host: "chat.example:", want: true},
		{origin: "https://chat.example", host: "chat.example:80"},
		{origin: "http://chat.example", host: "chat.example:443"},
		{origin: "http://chat.example:443"},
		{origin: "http://chat.example:8080"},
		{origin: "http://chat.example", host: "chat.example:8080"},
		{origin: "http://chat.example:8080", host: "chat.example:8080", want: true},
		{origin: "http://127.0.0.1:3000", host: "127.0.0.1:3000", want: true},
		{origin: "http://[::1]:3000", host: "[::1]:3000", want: true},
		{origin: "http://[::1]:3000", host: "[0:0::1]:3000", want: true},
		{origin: "http://[::1]", host: "[::1]", want: true},
		{origin: "http://localhost:3000", host: "127.0.0.1:3000"},
		{origin: "http://evil.example"},
		{origin: "http://chat.example.evil.example"},
		{origin: "http://evilchat.example"},
		{origin: "http://chat.example@evil.example"},
		{origin: "http://user@chat.example"},
		{origin: "http://chat.example/path"},
		{origin: "http://chat.example/"},
		{origin: "http://chat.example?x"},
		{origin: "http://chat.example#x"},
		{origin: "http://chat.example:"},
		{origin: "http://chat.example:0"},
		{origin: "http://chat.example:+80"},
		{origin: "http://chat.example:65616"}, // 80, 65,536 higher
		{origin: "http://chat.example:80:80"},
		{origin: "http:// chat.example"},
		{origin: "//chat.example"},
		{origin: "chat.example"},
		{origin: "http:chat.example"},
		{origin: "ws://chat.example"},
		{origin: "file://chat.example"},
		{origin: "capacitor://chat.example"},
		{origin: "null"},
		{origin: ""},
		{origin: "http://"},
		{origin: "http://chat.example, http://evil.example"},
		{origin: "http://chat.example\x00"},
		{origin: "http://ch\u0430t.example"}, // a Cyrillic letter
		{origin: "http://\u212Ahat.example", host: "khat.example"},

		// The setting.
		{origin: "null", allowed: []string{"null"}, want: true},
		{origin: "http://evil.example", allowed: []string{"null"}},
		{origin: "https://app.example", allowed: []string{"https://App.example"}, want: true},
		{origin: "https://app.example", allowed: []string{"HTTPS://app.example"}, want: true},
		{origin: "http://app.example", allowed: []string{"https://app.example"}},
		{origin: "https://sub.app.example", allowed: []string{"https://app.example"}},
		{origin: "https://app.example", allowed: []string{"https://app.example:443"}, want: true},
		{origin: "https://app.example:443", allowed: []string{"https://app.example"}, want: true},
		{origin: "http://app.example", allowed: []string{"http://app.example:80"}, want: true},
		{origin: "https://app.example:8443", allowed: []string{"https://app.example"}},
		{origin: "https://app.example", allowed: []string{"https://app.example:8443"}},
		{origin: "https://app.example:8443", allowed: []string{"https://app.example:8443"}, want: true},
		{origin: idn, allowed: []string{"https://bücher.example"}, want: true},
		{origin: idn, allowed: []string{"https://BÜCHER.example:443"}, want: true},
		{origin: idn, allowed: []string{"https://bu\u0308cher.example"}, want: true}, // with a combining mark
		{origin: idn, allowed: []string{idn}, want: true},
		{origin: "https://a.xn--bcher-kva.example", allowed: []string{"https://*.bücher.example"}, want: true},
		{origin: "http://[2001:db8::1]:8080", allowed: []string{"http://[2001:DB8:0:0::1]:8080"}, want: true},
		{origin: "https://a.example.com", allowed: []string{"https://*.example.com"}, want: true},
		{origin: "https://a.b.EXAMPLE.com", allowed: []string{"https://*.example.com"}, want: true},
		{origin: "https://a.example.com:443", allowed: []string{"https://*.example.com"}, want: true},
		{origin: "https://a.example.com:8443", allowed: []string{"https://*.example.com:8443"}, want: true},
		{origin: "https://example.com", allowed: []string{"https://*.example.com"}},
		{origin: "https://.example.com", allowed: []string{"https://*.example.com"}},
		{origin: "https://evilexample.com", allowed: []string{"https://*.example.com"}},
		{origin: "http://a.example.com", allowed: []string{"https://*.example.com"}},
		{origin: "https://a.example.com:8443", allowed: []string{"https://*.example.com"}},
		{origin: "https://a.example.com.evil.example", allowed: []string{"https://*.example.com"}},
		{origin: "https://a.example.com", allowed: []string{"https://app.example", "https://*.example.com"}, want: true},
		{origin: "capacitor://localhost", allowed: []string{"capacitor://localhost"}, want: true},
		{origin: "ionic://localhost", allowed: []string{"capacitor://localhost"}},
		{origin: "tauri://localhost", allowed: []string{"tauri://localhost"}, want: true},
		{origin: "chrome-extension://abcdefghijklmnopabcdefghijklmnop", allowed: []string{"chrome-extension://abcdefghijklmnopabcdefghijklmnop"}, want: true},
		{origin: "chrome-extension://bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", allowed: []string{"chrome-extension://abcdefghijklmnopabcdefghijklmnop"}},
		{origin: "moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc", allowed: []string{"moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc"}, want: true},
		{origin: "file://", allowed: []string{"file://"}, want: true},
		{origin: "file://", allowed: []string{"null"}},
		{origin: "http://anything.example", allowed: []string{"*"}, want: true},
		{origin: "null", allowed: []string{"*"}, want: true},
	} {
		all, err := Parse(tt.allowed)
		if err != nil {
			t.Errorf("%q: %v", tt.allowed, err)
			continue
		}
		host := tt.host
		if host == "" {
			host = "chat.example"
		}
		if got := all.Allow(ws.Field{Value: tt.origin, Count: 1}, host); got != tt.want {
			t.Errorf("origin %q, host %q, allowed %q: got %v, want %v", tt.origin, host, tt.allowed, got, tt.want)
		}
	}
	var none Allowed
	if !none.Allow(ws.Field{}, "chat.example") {
		t.Error("no Origin: got false, want true: the client is not a browser")
	}
	if none.Allow(ws.FieldOf([]string{"http://chat.example", "http://chat.example"}), "chat.example") {
		t.Error("two Origins: got true, want false")
	}
}

func TestAnOriginIsCheckedWithoutAnAllocation(t *testing.T) {
	all, err := Parse([]string{"https://app.example", "https://*.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"http://127.0.0.1:3000", "https://app.example", "https://a.example.com", "https://evil.example"} {
		field := ws.Field{Value: text, Count: 1}
		if n := testing.AllocsPerRun(100, func() { all.Allow(field, "127.0.0.1:3000") }); n > 0 {
			t.Errorf("%s: got %v allocations, want none", text, n)
		}
	}
}

func TestWellFormedHosts(t *testing.T) {
	for host, want := range map[string]bool{
		"chat.example": true, "chat.example:80": true, "chat.example:": true, "CHAT_1.example.": true, "127.0.0.1:3000": true, "[::1]:3000": true, "[::1]": true,
		"xn--bcher-kva.example": true, "localhost": true, "a~b": true,
		"": false, ":80": false, "a b": false, "a:b": false, "a:80:80": false, "a/b": false, "u@a": false, "[::1": false, "::1": false, "[127.0.0.1]": false,
		"[::1]x": false, "[fe80::1%25eth0]": false, "a:65536": false, "a:-1": false, "a,b": false, "é": false, "a%20b": false, "300.0.0.1": false, "\"a\"": false,
	} {
		if got := WellFormedHost(host); got != want {
			t.Errorf("%q: got %v, want %v", host, got, want)
		}
	}
}
