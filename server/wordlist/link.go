package wordlist

import (
	"bytes"
	"strings"

	"github.com/throng-chat/throng/server/fold"
)

// HasLink reports whether a text has a link, as clients show one: "https://...", "www.name", "name.tld/path", or a name below a domain that is
// common in unwanted links. Its cost is proportional to the length of the text.
func HasLink(text string) bool {
	if !strings.Contains(text, ".") && !strings.Contains(text, "://") && isASCII(text) {
		return false
	}
	folded := fold.Append(make([]byte, 0, len(text)+16), text)
	if bytes.Contains(folded, []byte("://")) {
		return true
	}
	for at := 0; ; {
		dot := bytes.IndexByte(folded[at:], '.')
		if dot < 0 {
			return false
		}
		dot += at
		if isName(folded, dot) {
			return true
		}
		at = dot + 1
	}
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}

// commonDomains are the domains below which a name alone is a link.
var commonDomains = map[string]bool{
	"com": true, "net": true, "org": true, "info": true, "biz": true, "io": true, "co": true, "me": true, "gg": true, "ly": true, "tv": true,
	"app": true, "dev": true, "xyz": true, "top": true, "site": true, "online": true, "shop": true, "club": true, "link": true, "ru": true,
	"cn": true, "tk": true, "de": true, "uk": true, "eu": true, "fr": true, "us": true,
}

// isName reports whether the dot at an index belongs to a link.
func isName(folded []byte, dot int) bool {
	if dot == 0 || !inName(folded[dot-1]) || dot+1 == len(folded) || !inName(folded[dot+1]) {
		return false
	}
	if bytes.HasSuffix(folded[:dot], []byte("www")) {
		return true
	}
	end := dot + 1
	for end < len(folded) && inName(folded[end]) {
		end++
	}
	last := folded[dot+1 : end]
	switch {
	case commonDomains[string(last)]:
		return end == len(folded) || folded[end] != '.' || end+1 == len(folded) || !inName(folded[end+1]) // else the next dot decides
	case end < len(folded) && folded[end] == '/':
		return len(last) >= 2 && isLetters(last)
	}
	return false
}

// inName reports whether a byte may be in the name of a host. All bytes of characters outside of ASCII may.
func inName(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c >= 0x80
}

func isLetters(b []byte) bool {
	for _, c := range b {
		if c >= '0' && c <= '9' || c == '-' {
			return false
		}
	}
	return true
}
