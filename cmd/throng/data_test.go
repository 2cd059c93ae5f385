package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/broker/datadir"
	"github.com/throng-chat/throng/server/broker/natsbroker"
	"github.com/throng-chat/throng/server/doctable"
	"github.com/throng-chat/throng/server/dump"
)

// dataLines are lines of two rooms.
const dataLines = `{"room":"a","offset":3,"generation":1,"time":"2026-11-29T10:00:00.000Z","user":"ann","form":"json","data":{"text":"hi"}}
{"room":"b","offset":1,"generation":1,"time":"2026-11-29T10:00:00.001Z","form":"text","data":"é"}
{"room":"a","offset":4,"generation":1,"time":"2026-11-29T10:00:00.002Z","form":"binary","b64data":"AP8=","key":"k"}
`

// runData runs throng data with standard input.
func runData(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := throng(t, append([]string{"data"}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	return outcome(t, cmd)
}

// importedDir returns a data directory with dataLines.
func importedDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	code, stdout, stderr := runData(t, dataLines, "import", dir)
	if want := "stored 3 lines, 3 publications of 2 rooms, 0 values\n"; code != 0 || !strings.HasSuffix(stdout, want) {
		t.Fatalf("import: got exit %d\n%s%s", code, stdout, stderr)
	}
	return dir
}

func TestDataIsExportedAsItWasImported(t *testing.T) {
	t.Parallel()
	dir := importedDir(t)
	code, stdout, stderr := runData(t, "", "export", dir)
	if code != 0 || !strings.Contains(stderr, "3 publications, 0 of them redacted") {
		t.Fatalf("export: got exit %d\n%s", code, stderr)
	}
	want := strings.Split(dataLines, "\n")
	for i, line := range strings.Split(stdout, "\n") {
		before, rest, _ := strings.Cut(line, `,"epoch":`)
		_, after, _ := strings.Cut(rest, `,"time":`)
		wantBefore, _, _ := strings.Cut(want[i], `,"generation":`)
		_, wantAfter, _ := strings.Cut(want[i], `,"time":`)
		if before != wantBefore || after != wantAfter {
			t.Errorf("got %s, want %s", line, want[i])
		}
	}
	code, stdout, stderr = runData(t, "", "check", dir)
	if code != 0 || !strings.HasSuffix(stdout, "\nok\n") || !strings.Contains(stdout, "3 publications, 2 rooms") {
		t.Errorf("check: got exit %d\n%s%s", code, stdout, stderr)
	}
}

// Standard input may be a file: then it is read twice without a copy.
func TestAFileIsImported(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "lines")
	if err := os.WriteFile(file, []byte(dataLines), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	cmd := throng(t, "data", "import", filepath.Join(dir, "data"))
	cmd.Stdin = in
	if code, stdout, stderr := outcome(t, cmd); code != 0 || !strings.Contains(stdout, "stored 3 lines") {
		t.Errorf("got exit %d\n%s%s", code, stdout, stderr)
	}
}

func TestDataThatCannotBeUsedIsNamed(t *testing.T) {
	t.Parallel()
	dir := importedDir(t)
	used := importedDir(t)
	lock, err := datadir.Open(used, datadir.Owner{Cluster: "throng"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lock.Close() })
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "photo.jpg"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args  []string
		stdin string
		code  int
		want  string
	}{
		{[]string{"check", "/does/not/exist"}, "", exitUsage, "data directory /does/not/exist: does not exist or is empty"},
		{[]string{"export", t.TempDir()}, "", exitUsage, "does not exist or is empty"},
		{[]string{"check", used}, "", exitInUse, fmt.Sprintf("in use by process %d", os.Getpid())},
		{[]string{"import", used}, dataLines, exitInUse, fmt.Sprintf("in use by process %d", os.Getpid())},
		{[]string{"export", used}, "", exitInUse, "name its admin port instead: throng data export --admin URL"},
		{[]string{"import", "--cluster", "c", "--nodes", "a,b,c", "--cluster-logs", "0", filepath.Join(t.TempDir(), "new")}, dataLines, exitUsage, "cluster-logs 0: must be 1 to 64"},
		{[]string{"import", "--cluster-logs", "2", filepath.Join(t.TempDir(), "new")}, dataLines, exitUsage, "cluster-logs 2: is for a new cluster"},
		{[]string{"export", foreign}, "", exitInUse, "photo.jpg"},
		{[]string{"import", dir}, dataLines, exitFailed, `line 1: room "a" has publications in the data directory`},
		{[]string{"import", dir}, `{"room":"c","offset":1,"data":1}` + "\n?\n", exitFailed, "line 2: is not a line of throng data export"},
	} {
		code, stdout, stderr := runData(t, c.stdin, c.args...)
		if code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: got exit %d\n%s%s, want %d %q", c.args, code, stdout, stderr, c.code, c.want)
		}
	}
	if entries, err := os.ReadDir(foreign); err != nil || len(entries) != 1 {
		t.Errorf("the foreign directory was changed: %v, %v", entries, err)
	}
}

func TestADamagedRecordIsNamedAndSkipped(t *testing.T) {
	t.Parallel()
	dir := importedDir(t)
	engine, err := natsbroker.Open(natsbroker.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	log, err := engine.Open(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	log.Append(1, []byte("this is not a record"), func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	log.Close()
	if err := engine.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	const problem = "record 2: the record is damaged: its checksum is"
	code, stdout, stderr := runData(t, "", "check", dir)
	if code != exitDamaged || !strings.HasPrefix(stdout, problem) || !strings.Contains(stderr, "1 records are damaged or missing") {
		t.Errorf("check: got exit %d\n%s%s", code, stdout, stderr)
	}
	code, stdout, stderr = runData(t, "", "export", dir)
	if code != exitDamaged || strings.Count(stdout, "\n") != 3 || !strings.HasPrefix(stderr, problem) {
		t.Errorf("export: got exit %d\n%s%s", code, stdout, stderr)
	}
}

// A reader that ends early must not leave the directory locked, and the command fails.
func TestAnExportFailsIfNobodyReadsIt(t *testing.T) {
	t.Parallel()
	dir := importedDir(t)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	cmd := throng(t, "data", "export", dir)
	cmd.Stdout = full
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != exitFailed {
		t.Errorf("got %v, exit %d, want %d", err, cmd.ProcessState.ExitCode(), exitFailed)
	}
	if code, _, stderr := runData(t, "", "check", dir); code != 0 {
		t.Errorf("check after it: got exit %d\n%s", code, stderr)
	}
}

func TestDocsOfStoredDataMatchTheCode(t *testing.T) {
	t.Parallel()
	var members, page []string
	for f := range reflect.TypeFor[dump.Line]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		members = append(members, name)
	}
	lines := doctable.Below(t, "data.md", "Lines", "member")
	for _, cell := range lines.Cells("member") {
		page = append(page, doctable.Code(cell)...)
	}
	doctable.Same(t, "members of a line", page, members)
	var codes []string
	for _, code := range []int{0, exitFailed, exitUsage, exitInUse, exitDamaged} {
		codes = append(codes, fmt.Sprint(code))
	}
	exits := doctable.Below(t, "data.md", "Stored data", "exit code")
	doctable.Same(t, "exit codes", exits.Cells("exit code"), codes)
	limits := doctable.Below(t, "data.md", "Stored data", "limit", "value")
	doctable.Same(t, "limits", limits.Cells("value"), []string{
		humanCount(dump.MaxRooms), humanCount(dump.MaxRemovals) + " each", fmt.Sprintf("%d MiB", dump.MaxLine>>20),
	})
}

// humanCount returns a number of seven digits with commas.
func humanCount(n int) string {
	return fmt.Sprintf("%d,%03d,%03d", n/1_000_000, n/1000%1000, n%1000)
}
