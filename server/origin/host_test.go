package origin

import (
	"testing"
)

func TestHosts(t *testing.T) {
	for _, tt := range []struct {
		host  string
		hosts Hosts
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
		{host: "chat.example:3000", hosts: Hosts{"Chat.Example"}, want: true},
		{host: "CHAT.example", hosts: Hosts{"other.example", "chat.example"}, want: true},
		{host: "a.chat.example", hosts: Hosts{"chat.example"}},
		{host: "a.chat.example", hosts: Hosts{"*.chat.example"}, want: true},
		{host: "chat.example", hosts: Hosts{"*.chat.example"}},
		{host: "evilchat.example", hosts: Hosts{"*.chat.example"}},
		{host: "anything.example", hosts: Hosts{"*"}, want: true},
	} {
		if got := tt.hosts.Allow(tt.host); got != tt.want {
			t.Errorf("host %q, allowed %q: got %v, want %v", tt.host, tt.hosts, got, tt.want)
		}
	}
}
