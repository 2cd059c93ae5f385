package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/throng-chat/throng/server/doctable"
	"github.com/throng-chat/throng/server/importing"
	"github.com/throng-chat/throng/server/roster"
	"github.com/throng-chat/throng/server/testkit"
)

const samples = "../../server/importing/testdata"

// sample returns the path of a sample of an export. Commands run in another directory.
func sample(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(samples, name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// importedRooms is the config of a server with imported rooms.
const importedRooms = `
[api]
key = "0123456789abcdef0123"
[[room]]
pattern = "chat:*"
history-size = 100
history-ttl = "87600h"
durable = true
[[room]]
pattern = "private:*"
history-size = 100
history-ttl = "87600h"
durable = true
subscribe = "token"
[[room]]
pattern = "dialog#*"
history-size = 100
history-ttl = "87600h"
durable = true
`

// historyOf returns the history of a room as the server API gives it: user, time and data of each publication.
func historyOf(t *testing.T, address, room string) (all []string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"channel": room, "limit": 100})
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Result struct {
			Publications []struct {
				Data json.RawMessage
				Time int64
				Info struct {
					User     string
					ConnInfo struct{ Name string } `json:"conn_info"`
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(callAPI(t, address, "history", string(body))), &answer); err != nil {
		t.Fatal(err)
	}
	for _, pub := range answer.Result.Publications {
		all = append(all, fmt.Sprintf("%s (%s) %d %s", pub.Info.User, pub.Info.ConnInfo.Name, pub.Time, pub.Data))
	}
	return all
}

func TestAnExportOfAnotherServerIsServed(t *testing.T) {
	t.Parallel()
	for from, tt := range map[string]struct {
		export, stored string
		rooms          map[string]int // publications
		first          string         // of the direct room
	}{
		"mattermost": {"mattermost.jsonl", "stored 25 lines, 14 publications of 4 rooms", map[string]int{"chat:acme/town-square": 11, "private:acme/plans": 1}, `ann (Ann Ames) 1764410420000 {"id":"m19","text":"Hello Bob"}`},
		"slack":      {"slack", "stored 31 lines, 17 publications of 4 rooms", map[string]int{"chat:general": 14, "private:plans": 1}, `ann (Ann Ames) 1764410420000 {"id":"1764410420.000000","text":"Hello Bob"}`},
	} {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			code, stdout, stderr := runData(t, "", "import", "--from", from, dir, sample(t, tt.export))
			if code != 0 || !strings.Contains(stdout, tt.stored) || !strings.Contains(stdout, "converted ") || !strings.Contains(stdout, "skipped: 1 × ") {
				t.Fatalf("got exit %d\n%s%s", code, stdout, stderr)
			}
			code, stdout, stderr = runData(t, "", "check", dir)
			if code != 0 {
				t.Errorf("check: got exit %d\n%s%s", code, stdout, stderr)
			}
			ready, stop := serve(t, throng(t, "serve", "--config", written(t, importedRooms), "--listen", "127.0.0.1:0", "--admin", "off", "--data", dir))
			defer stop(syscall.SIGTERM)
			address, ok := ready["listen"].(string)
			if !ok {
				t.Fatalf("got %v, want an address", ready)
			}
			for room, want := range tt.rooms {
				testkit.Eventually(t, "the publications of "+room, func() bool { return len(historyOf(t, address, room)) == want })
			}
			if got, want := historyOf(t, address, "dialog#ann,bob"), []string{tt.first}; !reflect.DeepEqual(got, want) {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// Standard input may be the export of Mattermost. A wrong export stores nothing.
func TestAWrongExportStoresNothing(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(sample(t, "mattermost.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "data")
	for _, tt := range []struct {
		stdin string
		args  []string
		code  int
		want  string
	}{
		{string(content) + "?\n", []string{"--from", "mattermost", dir}, exitFailed, "mattermost export: line 21: is not a line of a bulk export of Mattermost"},
		{"", []string{"--from", "slack", dir}, exitUsage, "name the ZIP archive or the directory"},
		{"", []string{"--from", "slack", dir, "/does/not/exist"}, exitUsage, "/does/not/exist"},
		{"", []string{"--from", "slack", dir, sample(t, "mattermost.jsonl")}, exitFailed, "is not a ZIP archive"},
		{"", []string{"--from", "teams", dir}, exitUsage, "teams"},
		{"", []string{dir, "/does/not/exist"}, exitUsage, "/does/not/exist"},
	} {
		code, stdout, stderr := runData(t, tt.stdin, append([]string{"import"}, tt.args...)...)
		if code != tt.code || !strings.Contains(stderr, tt.want) {
			t.Errorf("%v: got exit %d\n%s%s, want %d %q", tt.args, code, stdout, stderr, tt.code, tt.want)
		}
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%v: the data directory was made (%v)", tt.args, err)
		}
	}
	if code, stdout, stderr := runData(t, string(content), "import", "--from", "mattermost", "--public", "talk:", dir); code != 0 || !strings.Contains(stdout, "stored 25 lines") {
		t.Errorf("standard input: got exit %d\n%s%s", code, stdout, stderr)
	}
	if code, stdout, _ := runData(t, "", "export", dir); code != 0 || !strings.Contains(stdout, `"room":"talk:acme/town-square"`) {
		t.Errorf("got exit %d, and not the room of --public: %s", code, stdout)
	}
}

func TestDocsOfAnImportMatchTheCode(t *testing.T) {
	t.Parallel()
	const section = "Import from Mattermost or Slack"
	var page, code []string
	flags := doctable.Below(t, "data.md", section, "flag", "default")
	for i, flag := range flags.Cells("flag") {
		page = append(page, doctable.Plain(flag)+" "+doctable.Plain(flags.Cells("default")[i]))
	}
	for f := range reflect.TypeFor[dataImportCmd]().Fields() {
		if value, ok := f.Tag.Lookup("default"); ok && f.Name != "From" {
			code = append(code, "--"+strings.ToLower(f.Name)+" "+value)
		}
	}
	doctable.Same(t, "flags", page, code)
	limits := doctable.Below(t, "data.md", section, "limit of an export", "value")
	doctable.Same(t, "limits", limits.Cells("value"), []string{
		fmt.Sprintf("%d MiB", importing.MaxLine>>20), fmt.Sprintf("%d MiB", importing.MaxElement>>20), humanCount(importing.MaxUsers) + " each",
		fmt.Sprintf("%d,000", importing.MaxMembers/1000),
		humanCount(importing.MaxArchiveEntries), fmt.Sprintf("%d MiB, and %d times its size", importing.FreeBytes>>20, importing.MaxRatio),
		fmt.Sprintf("%d KiB", importing.MaxText>>10), fmt.Sprintf("%d; %d", importing.MaxMentions, importing.MaxFiles),
		fmt.Sprintf("%d; 10,000", importing.MaxEmojis),
	})
	if importing.MaxReactions != 10_000 || importing.MaxMembers != roster.MaxMembers || importing.MaxRooms != importing.MaxUsers || importing.MaxThreads != importing.MaxUsers {
		t.Error("docs/data.md has other limits")
	}
}
