package main

import "testing"

func TestATableReplacesItself(t *testing.T) {
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
