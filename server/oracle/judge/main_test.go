package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheExitCodeIsTheVerdict(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	log := file("log", `{"room":"a","offset":1,"epoch":"e","data":{"publisher":"ann","number":1}}`+"\n")
	acks := file("acks", `{"room":"a","offset":1,"epoch":"e","publisher":"ann","number":1}`+"\n")
	bad := file("bad", `{"room":"a","offset":1,"epoch":"e","publisher":"ann","number":2}`+"\n")
	heard := file("heard", `{"event":"subscribed","subscriber":"s","room":"a","offset":0,"epoch":"e"}
{"event":"publication","subscriber":"s","room":"a","offset":1,"epoch":"e","publisher":"ann","number":1}
{"event":"complete","subscriber":"s","room":"a"}
`)
	for _, c := range []struct {
		acks, heard string
		want        int
		text        string
	}{
		{acks, heard, 0, "1 stored, 1 acknowledged, 1 received by 1 subscriptions, 1 of them complete"},
		{acks + "," + bad, heard, 1, "lost: 1"},
		{acks, acks, 2, "event"},
		{acks, filepath.Join(dir, "none"), 2, "no such file"},
		{acks, file("empty", ""), 2, "nothing to judge: no subscriber received a publication"},
	} {
		var out, errors strings.Builder
		if got := run([]string{"-log", log, "-acks", c.acks, "-heard", c.heard}, &out, &errors); got != c.want || !strings.Contains(out.String()+errors.String(), c.text) {
			t.Errorf("acks %s heard %s: got %d\n%s%s", c.acks, c.heard, got, out.String(), errors.String())
		}
	}
	if got := run([]string{"-none"}, &strings.Builder{}, &strings.Builder{}); got != 2 {
		t.Errorf("an unknown flag: got %d, want 2", got)
	}
}
