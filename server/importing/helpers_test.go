package importing

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// options are the defaults of throng data import.
var options = Options{Public: "chat:", Private: "private:", Direct: "dialog", Users: ByName}

// line is a line of the result, as throng data import reads it.
type line struct {
	Kind, Key string
	Room      string
	Offset    uint64
	Time      int64
	User      string
	ConnInfo  struct{ Name string } `json:"conn_info"`
	Data      json.RawMessage
	Change    bool
	Notice    bool
}

// short returns the lines as text: room, offset, user and data.
func short(t *testing.T, out string) string {
	t.Helper()
	var b strings.Builder
	for text := range strings.Lines(out) {
		var l line
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&l); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if l.Kind != "" {
			b.WriteString(strings.Join([]string{l.Kind, l.Room, l.Key, string(l.Data)}, " ") + "\n")
			continue
		}
		if l.Change != strings.Contains(string(l.Data), `"of":`) || l.Notice != l.Change {
			t.Errorf("%s: change or notice is wrong", text)
		}
		b.WriteString(strings.Join([]string{l.Room, string('0' + rune(l.Offset)), l.User, string(l.Data)}, " ") + "\n")
	}
	return b.String()
}

// reasons returns the counted reasons of a report.
func reasons(t *testing.T, got, want map[string]int) {
	t.Helper()
	for reason, n := range want {
		if got[reason] != n {
			t.Errorf("%s: got %d, want %d", reason, got[reason], n)
		}
	}
	for reason, n := range got {
		if want[reason] == 0 {
			t.Errorf("got %d × %s, want none", n, reason)
		}
	}
}

// zipped returns a ZIP archive with files: their names, and their contents.
func zipped(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, content := range files {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// filesOf returns the files below a directory, with a prefix before their names.
func filesOf(t testing.TB, dir, prefix string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		files[prefix+filepath.ToSlash(strings.TrimPrefix(path, dir+string(filepath.Separator)))] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// fileWith returns a file with a content.
func fileWith(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
