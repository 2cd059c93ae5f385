package server

import (
	"testing"
)

func TestHosts(t *testing.T) {
	for _, tt := range []struct {
		host  string
		hosts hosts
		want  bool
	}{
		{host: "127.0.0.1:3000", want: true},
		{host: "127.0.0.1", want: true},
		{host: "[::1]:3000", want: true},
		{host: "[::1]", want: true},
		{host: "192.0.2.7:3000", want: true},
		{host: "localhost", want: true},
		{host: "LocalHost.:3000", want: true},
		{host: "chat.localhost:3000", want: true},
		{host: "", want: true}, // HTTP/1.0 without the header: no browser
		{host: "evil.example"},
		{host: "evil.example:3000"},
		{host: "localhost.evil.example:3000"},
		{host: "evil-localhost:3000"},
		{host: "127.0.0.1.evil.example"},
		{host: "127.0.0.1:3000:3000"},
		{host: "127.1"},
		{host: "2130706433"},
		{host: ":3000"},
		{host: "."},
		{host: "chat.example:3000", hosts: hosts{"Chat.Example"}, want: true},
		{host: "CHAT.example", hosts: hosts{"other.example", "chat.example"}, want: true},
		{host: "a.chat.example", hosts: hosts{"chat.example"}},
		{host: "a.chat.example", hosts: hosts{"*.chat.example"}, want: true},
		{host: "chat.example", hosts: hosts{"*.chat.example"}},
		{host: "evilchat.example", hosts: hosts{"*.chat.example"}},
		{host: "anything.example", hosts: hosts{"*"}, want: true},
	} {
		if got := tt.hosts.allow(tt.host); got != tt.want {
			t.Errorf("host %q, allowed %q: got %v, want %v", tt.host, tt.hosts, got, tt.want)
		}
	}
}
