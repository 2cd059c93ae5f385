package main

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// callAPI calls the server API and returns the answer.
func callAPI(t *testing.T, address, method, body string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/api/"+method, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-API-Key", "0123456789abcdef0123")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// serveData serves a data directory and returns the address.
func serveData(t *testing.T, dir string) (address string, stop func(...os.Signal) int) {
	t.Helper()
	ready, stop := serve(t, throng(t, "serve", "--config", written(t, importedRooms), "--listen", "127.0.0.1:0", "--admin", "off", "--data", dir))
	address, ok := ready["listen"].(string)
	if !ok {
		t.Fatalf("got %v, want an address", ready)
	}
	return address, stop
}

// sanctionedDir returns a data directory with four bans, a mute with an end, slow mode and a revocation, and the list of them.
func sanctionedDir(t *testing.T, last os.Signal) (dir, sanctions string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	address, stop := serveData(t, dir)
	for _, user := range []string{"amy", "bob", "cat", "dan"} {
		callAPI(t, address, "ban", `{"user":"`+user+`","reason":"spam by `+user+`"}`)
	}
	callAPI(t, address, "mute", `{"user":"eve","channel":"chat:a","seconds":3600}`)
	callAPI(t, address, "slow_mode", `{"channel":"chat:a","seconds":30}`)
	callAPI(t, address, "revoke", `{"user":"eve","jti":"t1"}`)
	sanctions = callAPI(t, address, "moderation", "{}")
	if !strings.Contains(sanctions, "spam by bob") || !strings.Contains(sanctions, "t1") {
		t.Fatalf("got %s, want the sanctions", sanctions)
	}
	stop(last)
	return dir, sanctions
}

// damageSanction changes one byte of the ban of a user.
func damageSanction(t *testing.T, dir, stream, user string) {
	t.Helper()
	done := 0
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.Contains(path, stream) || filepath.Ext(path) != ".blk" {
			return err
		}
		text, err := os.ReadFile(path)
		if i := bytes.Index(text, []byte(`"user":"`+user)); err == nil && i >= 0 {
			text[i+8] ^= 1
			done++
			err = os.WriteFile(path, text, 0o600)
		}
		return err
	})
	if err != nil || done != 1 {
		t.Fatalf("damaged %d files: %v", done, err)
	}
}

// A damaged byte in the stored sanctions ends neither the start nor a sanction.
func TestDamagedSanctionsStayInEffect(t *testing.T) {
	t.Parallel()
	for _, last := range []os.Signal{syscall.SIGTERM, os.Kill} {
		dir, want := sanctionedDir(t, last)
		damageSanction(t, dir, "KV_throng_throng_sanctions", "bob")
		address, stop := serveData(t, dir)
		if got := callAPI(t, address, "moderation", "{}"); got != want {
			t.Errorf("after %s: got\n%s\nwant\n%s", last, got, want)
		}
		stop(syscall.SIGTERM)
		damageSanction(t, dir, "KV_throng_throng_sanctions", "amy")
		code, stdout, stderr := runData(t, "", "check", dir)
		if code != exitDamaged || !strings.Contains(stderr, "entries of a table were damaged") || !strings.Contains(stderr, "are restored from their copy") {
			t.Errorf("check: got exit %d\n%s%s, want %d", code, stdout, stderr, exitDamaged)
		}
		if code, stdout, stderr = runData(t, "", "check", dir); code != 0 || !strings.Contains(stdout, "tables: 7 sanctions, 1 keys\nok\n") {
			t.Errorf("second check: got exit %d\n%s%s, want 0", code, stdout, stderr)
		}
	}
}

// Sanctions, their ends and the keys are the same after an export and an import.
func TestSanctionsAreExportedAndImported(t *testing.T) {
	t.Parallel()
	dir, want := sanctionedDir(t, syscall.SIGTERM)
	code, lines, stderr := runData(t, "", "export", dir)
	if code != 0 || !strings.Contains(stderr, "7 sanctions, 0 keys") || !strings.Contains(stderr, "1 keys are left out") || strings.Contains(lines, `"kind":"key"`) {
		t.Errorf("export: got exit %d\n%s%s", code, lines, stderr)
	}
	code, lines, stderr = runData(t, "", "export", "--keys", dir)
	if code != 0 || !strings.Contains(stderr, "7 sanctions, 1 keys") {
		t.Errorf("export: got exit %d\n%s%s", code, lines, stderr)
	}
	ended, err := json.Marshal(map[string]any{"kind": "sanction", "data": map[string]any{"v": 1, "kind": "ban", "user": "ada", "until": time.Now().UnixMilli() - 1}})
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "data")
	code, stdout, stderr := runData(t, lines+string(ended)+"\n", "import", to)
	if code != 0 || !strings.Contains(stdout, "stored 7 sanctions and 1 keys; 1 sanctions have ended\n") {
		t.Fatalf("import: got exit %d\n%s%s", code, stdout, stderr)
	}
	if code, again, stderr := runData(t, "", "export", "--keys", to); code != 0 || sortedLines(again) != sortedLines(lines) {
		t.Errorf("second export: got exit %d\n%s%s, want\n%s", code, again, stderr, lines)
	}
	for _, c := range []struct{ line, want string }{
		{lines, "the data directory has the sanction ban-"},
		{`{"kind":"sanction","data":{"v":1,"kind":"curse","user":"ann"}}`, `line 1: sanction: data: kind "curse" is not known`},
		{`{"kind":"key","key":"a b","data":1}`, "line 1: key: key"},
	} {
		if code, stdout, stderr := runData(t, c.line, "import", to); code != exitFailed || !strings.Contains(stderr, c.want) {
			t.Errorf("import of %.80s: got exit %d\n%s%s, want %q", c.line, code, stdout, stderr, c.want)
		}
	}
	address, stop := serveData(t, to)
	defer stop(syscall.SIGTERM)
	if got := callAPI(t, address, "moderation", "{}"); got != want {
		t.Errorf("after the import: got\n%s\nwant\n%s", got, want)
	}
}

// sortedLines returns the lines of a text in the order of their bytes: a table has none.
func sortedLines(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
