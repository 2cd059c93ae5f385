package importing

import (
	_ "embed"
	"strings"
	"sync"
)

// emojiNames are the short names of Slack and Mattermost, one emoji a line: the emoji, then its names. They are from emoji-datasource 16.0.0 (MIT
// License, Copyright (c) 2013 Cal Henderson), a package of npm: the members short_names and unified of emoji.json.
//
//go:embed emoji.txt
var emojiNames string

var emojiByName = sync.OnceValue(func() map[string]string {
	names := make(map[string]string, 2048)
	for line := range strings.Lines(emojiNames) {
		fields := strings.Fields(line)
		for _, name := range fields[1:] {
			names[name] = fields[0]
		}
	}
	return names
})

// tones are the skin tones: as Slack and as Mattermost append them to a name.
var tones = []struct{ slack, mattermost, rune string }{
	{"::skin-tone-2", "_light_skin_tone", "\U0001F3FB"},
	{"::skin-tone-3", "_medium_light_skin_tone", "\U0001F3FC"},
	{"::skin-tone-4", "_medium_skin_tone", "\U0001F3FD"},
	{"::skin-tone-5", "_medium_dark_skin_tone", "\U0001F3FE"},
	{"::skin-tone-6", "_dark_skin_tone", "\U0001F3FF"},
}

// maxEmojiName is the limit of the bytes of a name. docs/chat.md allows an emoji of 64 bytes.
const maxEmojiName = 60

// emoji returns the characters of an emoji by its name, and the name between colons for a custom emoji; "" if the name is too long.
func emoji(name string) string {
	if found, ok := emojiByName()[name]; ok {
		return found
	}
	// The names of Mattermost overlap: "_medium_light_skin_tone" ends with "_light_skin_tone". The base of the wrong one is not known.
	for _, tone := range tones {
		for _, suffix := range []string{tone.slack, tone.mattermost} {
			if base, ok := strings.CutSuffix(name, suffix); ok {
				if found, known := emojiByName()[base]; known {
					return withTone(found, tone.rune)
				}
			}
		}
	}
	if name == "" || len(name) > maxEmojiName {
		return ""
	}
	return ":" + name + ":"
}

// withTone inserts a skin tone after the first character. It takes the place of U+FE0F.
func withTone(emoji, tone string) string {
	first := string([]rune(emoji)[:1])
	return first + tone + strings.TrimPrefix(emoji[len(first):], "\uFE0F")
}
