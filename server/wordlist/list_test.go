package wordlist

import (
	"fmt"
	"strings"
	"testing"
)

func listOf(t testing.TB, lines string) *List {
	t.Helper()
	l, err := Read(strings.NewReader(lines))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

const lines = "# words\n\nDarn\ncrème\nстрасть\nstraße\n  spaced \r\nx2\n"

func TestWholeWordsAreFoundWhateverTheirCaseAndDiacritics(t *testing.T) {
	t.Parallel()
	l := listOf(t, lines)
	if l.Len() != 6 {
		t.Errorf("got %d words, want 6", l.Len())
	}
	for text, masked := range map[string]string{
		"":                          "",
		"darn":                      "****",
		"well, DÄRN it: Darn!":      "well, **** it: ****!",
		"darning":                   "darning",
		"undarn":                    "undarn",
		"darn2":                     "darn2",
		"d\u200barn":                "*****",
		"da\u0301rn":                "*****",
		"creme, CRÈME; cre\u0300me": "*****, *****; ******",
		"СТРАСТЬ и страстьй":        "******* и страстьй",
		"STRASSE 7":                 "******* 7",
		"(spaced)":                  "(******)",
		"x2/x22":                    "**/x22",
		"Ⓓⓐⓡⓝ":                      "****",
		"👍darn👍":                    "👍****👍",
		"\xffdarn\xff":              "\xff****\xff",
		"darn_it":                   "****_it",
		strings.Repeat("a", 10000):  strings.Repeat("a", 10000),
	} {
		if got := l.Mask(text); got != masked {
			t.Errorf("%q: got %q, want %q", text, got, masked)
		}
		if got, want := l.Has(text), text != masked; got != want {
			t.Errorf("%q: listed: %t, want %t", text, got, want)
		}
	}
}

func TestAListNamesTheLineOfAnInvalidWord(t *testing.T) {
	t.Parallel()
	many := &strings.Builder{}
	for n := range maxWords + 1 {
		fmt.Fprintln(many, "w", n)
	}
	for text, want := range map[string]string{
		"one\ntwo words":        `line 2: "two words" has ' '`,
		"a-b":                   `line 1: "a-b" has '-'`,
		"\u0301":                "has no letter and no digit",
		strings.Repeat("w", 65): "has 65 bytes: must have 64 at most",
		strings.ReplaceAll(many.String(), "w ", "w"): fmt.Sprintf("line %d: \"w%d\" is one word too many", maxWords+1, maxWords),
		"\xff":                                  "not UTF-8",
		strings.Repeat("# long\n", maxFile/7+1): "more than 1048576 bytes",
	} {
		if _, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: got error %v, want %q", text, err, want)
		}
	}
	if _, err := Load("testdata/missing"); err == nil {
		t.Error("got no error for a file that is missing")
	}
	if l := listOf(t, "\ufeffdarn\n"); !l.Has("darn") {
		t.Error("the mark at the beginning of a file is a part of the first word")
	}
}

func TestAScanDoesNotAllocate(t *testing.T) {
	l := listOf(t, lines)
	text := strings.Repeat("Grüße, мир! some words. ", 100)
	if n := testing.AllocsPerRun(100, func() { l.Has(text) }); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

func TestLinksAreFound(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"":                            false,
		"hello":                       false,
		"e.g. this. And that.":        false,
		"3.14 and v1.2.3":             false,
		"wait...what":                 false,
		"a . b":                       false,
		"file.txt":                    false,
		"node.js is fine":             false,
		"and.or":                      false,
		"https://x":                   true,
		"HTTP://EXAMPLE":              true,
		"see www.example":             true,
		"example.com":                 true,
		"Example.COM!":                true,
		"mail me at a@example.org":    true,
		"example.com.":                true,
		"example.com.au/x":            true,
		"example.museum/path":         true,
		"ｅｘａｍｐｌｅ．ｃｏｍ":                 true,
		"exam\u200bple.c\u00adom":     true,
		"münchen.de":                  true,
		strings.Repeat(".", 64<<10):   false,
		strings.Repeat("a.", 32<<10):  false,
		strings.Repeat("com.", 1<<10): true,
	} {
		if got := HasLink(text); got != want {
			t.Errorf("%.40q: got %t, want %t", text, got, want)
		}
	}
}

// The list of the benchmarks has 2,000 words of 3 to 10 letters, so that most words of a text are looked up.
func BenchmarkMessage(b *testing.B) {
	var words strings.Builder
	for n := range 2000 {
		fmt.Fprintln(&words, "bad"+strings.Repeat(string(rune('a'+n%26)), n%8)+fmt.Sprint(n))
	}
	words.WriteString("zzz\nzzzz\nzzzzz\nzzzzzz\nzzzzzzz\nzzzzzzzz\n")
	l := listOf(b, words.String())
	for _, script := range []struct{ name, part string }{
		{"ascii", "The quick brown Fox jumps over the lazy Dog. "}, {"cyrillic", "Съешь же ещё этих мягких булок. "}, {"long forms", "\ufdfa "},
	} {
		text := strings.Repeat(script.part, 4096/len(script.part))
		b.Run("words/"+script.name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if l.Has(text) {
					b.Fatal("found a word")
				}
			}
		})
		b.Run("links/"+script.name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				HasLink(text)
			}
		})
	}
}

func TestALongWordIsNotItsBeginning(t *testing.T) {
	t.Parallel()
	word := strings.Repeat("a", maxWord)
	l := listOf(t, word)
	if !l.Has(word) || l.Has(word+"a") {
		t.Error("want the word of 64 bytes only")
	}
}
