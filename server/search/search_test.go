package search

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// room is the messages of a room, the oldest first.
type room []Text

// source looks at as many messages as dst has places, and skips those without a text.
func (r room) source(before uint64, dst []Text) (texts []Text, next uint64) {
	i := len(r)
	if before != 0 {
		i, _ = slices.BinarySearchFunc(r, before, func(m Text, offset uint64) int { return cmp.Compare(m.Offset, offset) })
	}
	for looks := cap(dst); i > 0 && looks > 0; looks-- {
		i--
		if next = r[i].Offset; r[i].Text != "" {
			dst = append(dst, r[i])
		}
	}
	if i == 0 {
		next = 0
	}
	return dst, next
}

func matcher(t testing.TB, text string) *Matcher {
	t.Helper()
	m, err := New(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestATextMatchesIfItHasEachTerm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		terms, text string
		want        bool
	}{
		{"crème", "La CREME de la creme", true},
		{"creme", "Crème", true},
		{"de la creme", "La CREME de", true},
		{"creme brulee", "La CREME de", false},
		{"STRASSE", "in der Hauptstraße 7", true},
		{"👍", "fine 👍🏽", true},
		{"c++", "C++ or C", true},
		{"мир", "привет, МИР!", true},
		{"x", "", false},
	} {
		if got := matcher(t, c.terms).Match(c.text); got != c.want {
			t.Errorf("%q in %q: got %t, want %t", c.terms, c.text, got, c.want)
		}
	}
}

func TestATextThatCannotBeSearchedIsRejected(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                           "no visible character",
		" \n\u200b":                  "no visible character",
		strings.Repeat("a", 257):     "257 bytes: must have 1 to 256",
		strings.Repeat("a ", 9):      "9 terms: must have 1 to 8",
		strings.Repeat("a ", 8):      "",
		strings.Repeat("a", 256):     "",
		"\u0301\u0301 a \u0301 \xff": "",
	} {
		if _, err := New(text); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want %q", text, err, want)
		}
	}
}

// found is a result of a search, with all its pages.
func found(t *testing.T, q Query, rooms []room, limit int) (all []string, pages int) {
	t.Helper()
	for range rooms {
		q.From = append(q.From, Position{})
	}
	for {
		pages++
		var page []string
		q.Take = func(source int, text Text) bool {
			if len(page) == limit {
				return false
			}
			page = append(page, fmt.Sprintf("%d/%d", source, text.Offset))
			return true
		}
		at, _ := q.Run()
		all = append(all, page...)
		done := !slices.ContainsFunc(at, func(p Position) bool { return !p.Done })
		if done {
			return all, pages
		}
		if len(page) == 0 && slices.Equal(at, q.From) {
			t.Fatalf("page %d has no message, and the search does not continue: %v", pages, at)
		}
		q.From = at
	}
}

// The pages of a search have each matching message of all rooms once, the newest first, also while others publish.
func TestPagesHaveEachMatchOnceNewestFirst(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 3))
		rooms := make([]room, 1+random.IntN(4))
		var want []string
		for n := range random.IntN(3000) {
			i := random.IntN(len(rooms))
			m := Text{Offset: uint64(n)/2 + uint64(len(rooms[i])) + 1, UnixMilli: int64(n), User: fmt.Sprint(random.IntN(3)), Text: "other"}
			if random.IntN(3) == 0 || n%1000 < 300 {
				m.Text = "" // deleted
			} else if random.IntN(5) == 0 {
				m.Text = "it is Thé one"
				if m.User == "1" {
					want = append(want, fmt.Sprintf("%d/%d", i, m.Offset))
				}
			}
			rooms[i] = append(rooms[i], m)
		}
		slices.Reverse(want)
		q := Query{
			Matcher: matcher(t, "the ONE"), User: "1", MaxBytes: 200 + random.IntN(100_000),
			Canceled: func() bool { // others publish
				i := random.IntN(len(rooms))
				rooms[i] = append(rooms[i], Text{Offset: 1 << 40, UnixMilli: 1 << 40, User: "2", Text: "the one"})
				return false
			},
		}
		for i := range rooms {
			q.Sources = append(q.Sources, func(before uint64, dst []Text) ([]Text, uint64) { return rooms[i].source(before, dst) })
		}
		if got, _ := found(t, q, rooms, 1+random.IntN(20)); !slices.Equal(got, want) {
			t.Fatalf("seed %d: got %d messages, want %d: %v, want %v", seed, len(got), len(want), got, want)
		}
	}
}

func TestASearchEndsWhenItIsCanceled(t *testing.T) {
	t.Parallel()
	r := many(10_000, 60)
	chunks := 0
	q := Query{
		Matcher: matcher(t, "absent"), Sources: []Source{r.source}, From: []Position{{}}, MaxBytes: 1 << 30,
		Canceled: func() bool { chunks++; return chunks == 2 },
	}
	at, bytes := q.Run()
	if chunks != 2 || at[0].Done || bytes > 2*maxChunk*(60+messageCost) {
		t.Errorf("read %d chunks and %d bytes, and continues at %v; want an end after the second chunk", chunks, bytes, at)
	}
}

func TestASearchComparesALimitedNumberOfBytes(t *testing.T) {
	t.Parallel()
	r := many(10_000, 60)
	q := Query{Matcher: matcher(t, "absent"), Sources: []Source{r.source}, From: []Position{{}}, MaxBytes: 1000, Canceled: func() bool { return false }}
	at, bytes := q.Run()
	if bytes < 1000 || bytes > 1000+60+messageCost || at[0].Done {
		t.Errorf("compared %d bytes and continues at %v, want 1000 and a position", bytes, at)
	}
}

// many returns n messages with texts of so many bytes.
func many(n, size int) (r room) {
	words := strings.Fields("the quick brown fox jumps over a lazy dog while Örjan reads his Paper and nobody said anything new about it today")
	random := rand.New(rand.NewPCG(1, 1))
	for i := range n {
		var text strings.Builder
		for text.Len() < size {
			text.WriteString(words[random.IntN(len(words))] + " ")
		}
		r = append(r, Text{Offset: uint64(i) + 1, UnixMilli: int64(i), User: fmt.Sprint(i % 100), Text: text.String()[:size-1] + "."})
	}
	return r
}

// BenchmarkSearch searches 100,000 messages of 60 bytes for a text that none of them has.
func BenchmarkSearch(b *testing.B) {
	for _, c := range []struct {
		name  string
		rooms int
	}{{"one room", 1}, {"100 rooms", 100}} {
		b.Run(c.name, func(b *testing.B) {
			all := many(100_000, 60)
			q := Query{Matcher: matcher(b, "örjan absent"), MaxBytes: 1 << 30, Canceled: func() bool { return false }}
			for i := range c.rooms {
				var r room
				for n := i; n < len(all); n += c.rooms {
					r = append(r, all[n])
				}
				q.Sources = append(q.Sources, r.source)
				q.From = append(q.From, Position{})
			}
			used := cpu(b)
			for b.Loop() {
				q.Run()
			}
			b.ReportMetric(float64((cpu(b)-used).Microseconds())/1000/float64(b.N), "CPU-ms/search")
		})
	}
}

// cpu returns the processor time of the process.
func cpu(b *testing.B) time.Duration {
	var use unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
