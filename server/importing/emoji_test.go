package importing

import (
	"strings"
	"testing"
)

func TestEmojisAreCharacters(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"+1": "👍", "thumbsup": "👍", "heart": "❤️", "wave::skin-tone-2": "👋🏻", "wave_medium_light_skin_tone": "👋🏼", "wave_light_skin_tone": "👋🏻",
		"flag-de": "🇩🇪", "shipit": ":shipit:", "shipit::skin-tone-2": ":shipit::skin-tone-2:", "": "", strings.Repeat("x", maxEmojiName+1): "",
	} {
		if got := emoji(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	for name, emoji := range emojiByName() {
		if emoji == "" || len(emoji) > 64 {
			t.Errorf("%s: got %q", name, emoji)
		}
	}
	if got := len(emojiByName()); got < 1800 {
		t.Errorf("got %d names", got)
	}
}
