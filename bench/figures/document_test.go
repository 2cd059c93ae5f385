package main

import "testing"

func TestATableTakesThePlaceOfItsOwn(t *testing.T) {
	const document = "# A\n<!-- figures: one -->\nold\n<!-- end of figures -->\nwords\n<!-- figures: two -->\n<!-- end of figures -->\n"
	got, err := replaceTable(document, "two", "| new |\n")
	if err != nil {
		t.Fatal(err)
	}
	const want = "# A\n<!-- figures: one -->\nold\n<!-- end of figures -->\nwords\n<!-- figures: two -->\n\n| new |\n\n<!-- end of figures -->\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if again, err := replaceTable(got, "two", "| new |\n"); err != nil || again != got {
		t.Errorf("the second time: got %v and\n%s", err, again)
	}
	for _, broken := range []string{"", "<!-- figures: two -->\n", "<!-- figures: two -->\n<!-- figures: one -->\n<!-- end of figures -->\n"} {
		if got, err := replaceTable(broken, "two", "x"); err == nil {
			t.Errorf("%q: got %q", broken, got)
		}
	}
}

func TestAGridIsATable(t *testing.T) {
	g := newGrid("a", "b")
	g.row("1", "2")
	if want := "| a | b |\n|---|---|\n| 1 | 2 |\n"; g.text.String() != want {
		t.Errorf("got %q, want %q", g.text.String(), want)
	}
}

func TestATurnedGridHasItsColumnsForRows(t *testing.T) {
	g := newGrid("what", "a", "b")
	g.row("one", "1", "2")
	g.row("two", "3", "4")
	if want := "| what | one | two |\n|---|---|---|\n| a | 1 | 3 |\n| b | 2 | 4 |\n"; g.turned() != want {
		t.Errorf("got %q, want %q", g.turned(), want)
	}
}
