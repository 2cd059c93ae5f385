package audit

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/throng-chat/throng/server/testkit"
)

func noFailure(t *testing.T) func(error) {
	return func(err error) { t.Errorf("write failed: %v", err) }
}

// linesOf returns the lines of a file, each of which must be JSON with known fields.
func linesOf(t *testing.T, path string) (lines []map[string]any) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		var line map[string]any
		if err := json.Unmarshal(in.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v", in.Text(), err)
		}
		for field := range line {
			if !slices.Contains(Fields, field) {
				t.Errorf("%s: unknown field %s", in.Text(), field)
			}
		}
		lines = append(lines, line)
	}
	return lines
}

func TestALineHasWhoDidWhatToWhom(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	l, err := Open(path, noFailure(t))
	if err != nil {
		t.Fatal(err)
	}
	l.Record(Entry{Action: "ban", Actor: Actor{ByKey, "reports", "10.0.0.1:5"}, User: "ann\n\x1b[31m", Room: "x", Details: []slog.Attr{slog.Int64("seconds", 60)}})
	l.Record(Entry{Action: CloseConnection, Actor: Actor{Type: ByOperator, Address: "127.0.0.1:9"}, Connection: 7, Error: "no such connection"})
	l.Start()
	if err := l.Stop(time.Minute); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first, second, _ := strings.Cut(string(text), "\n")
	if want := `"action":"ban","actor_type":"api_key","actor":"reports","address":"10.0.0.1:5","user":"ann\n\u001b[31m","room":"x","seconds":60,"result":"done"}`; !strings.HasSuffix(first, want) {
		t.Errorf("got %s, want %s", first, want)
	}
	if want := `"action":"close_connection","actor_type":"admin","address":"127.0.0.1:9","connection":"7","result":"rejected","error":"no such connection"}` + "\n"; !strings.HasSuffix(second, want) {
		t.Errorf("got %s, want %s", second, want)
	}
	for _, line := range linesOf(t, path) {
		if _, err := time.Parse("2006-01-02T15:04:05.000Z", line["time"].(string)); err != nil {
			t.Error(err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v; want 0600", info.Mode(), err)
	}
}

// A renamed file gets no more lines after Reopen, and the path has a new file. No line is lost.
func TestReopenFollowsALogRotation(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	l, err := Open(path, noFailure(t))
	if err != nil {
		t.Fatal(err)
	}
	l.Start()
	written := func(path string, n int) bool {
		text, err := os.ReadFile(path)
		return err == nil && strings.Count(string(text), "\n") == n
	}
	await := func(path string, n int) {
		t.Helper()
		testkit.Eventually(t, fmt.Sprintf("%d lines in %s", n, path), func() bool { return written(path, n) })
	}
	l.Record(Entry{Action: "ban", User: "1"})
	await(path, 1)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	l.Record(Entry{Action: "ban", User: "2"})
	await(path+".1", 2)
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	l.Record(Entry{Action: "ban", User: "3"})
	if err := l.Stop(time.Minute); err != nil {
		t.Fatal(err)
	}
	if old, now := linesOf(t, path+".1"), linesOf(t, path); len(old) != 2 || len(now) != 1 || now[0]["user"] != "3" {
		t.Errorf("got %v and %v", old, now)
	}
}

// If the new file cannot be opened, the open one stays in use.
func TestReopenKeepsTheFileThatIsOpen(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := Open(filepath.Join(dir, "audit.log"), noFailure(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+".moved"); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err == nil || !strings.Contains(err.Error(), "audit-log = ") {
		t.Errorf("got %v, want an error about the path", err)
	}
	l.Record(Entry{Action: "ban"})
	l.Start()
	if err := l.Stop(time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := linesOf(t, filepath.Join(dir+".moved", "audit.log")); len(got) != 1 {
		t.Errorf("got %v, want the line in the open file", got)
	}
}

// A caller never waits. What does not fit is counted, and a line says how many records are missing.
func TestMissingRecordsAreReported(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	l, err := Open(path, noFailure(t))
	if err != nil {
		t.Fatal(err)
	}
	const all = 5000
	for range all { // nothing is written before Start, as with a file that is stuck
		l.Record(Entry{Action: "ban"})
	}
	dropped := l.Dropped()
	if dropped == 0 || dropped >= all {
		t.Fatalf("got %d dropped of %d", dropped, all)
	}
	l.Start()
	if err := l.Stop(time.Minute); err != nil {
		t.Fatal(err)
	}
	lines := linesOf(t, path)
	if got := lines[0]; got["action"] != "dropped" || got["dropped"] != float64(dropped) || got["actor_type"] != "server" {
		t.Errorf("got the first line %v, want one about %d dropped records", got, dropped)
	}
	if len(lines) != 1+all-int(dropped) {
		t.Errorf("got %d lines, want %d", len(lines), 1+all-int(dropped))
	}
}

// A record that cannot be written is counted, and the failure is passed on at most once a second.
func TestAWriteErrorIsCounted(t *testing.T) {
	t.Parallel()
	failures := 0
	l, err := Open("/dev/full", func(error) { failures++ })
	if err != nil {
		t.Skip(err)
	}
	for range 10 {
		l.Record(Entry{Action: "ban"})
	}
	l.Start()
	if err := l.Stop(time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := l.Dropped(); got != 10 || failures == 0 {
		t.Errorf("got %d dropped and %d failures, want 10 and 1 or more", got, failures)
	}
}

// A file that ends in the middle of a line, because the disk was full or the process was killed, gets a new line first.
func TestALineBeginsBehindATornOne(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(path, []byte(`{"action":"ba`), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := Open(path, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	l.Record(Entry{Action: "ban", User: "1"})
	l.Start()
	if err := l.Stop(time.Minute); err != nil {
		t.Fatal(err)
	}
	wantLines(t, path, `{"action":"ba`, "1")
}

// full is a file on a disk that is full in the middle of the second line.
type full struct {
	*os.File
	writes int
}

func (fu *full) Write(b []byte) (int, error) {
	fu.writes++
	if fu.writes == 2 {
		n, err := fu.File.Write(b[:len(b)/2])
		return n, errors.Join(syscall.ENOSPC, err)
	}
	return fu.File.Write(b)
}

func TestAFullDiskTearsOneLineOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	l, err := Open(path, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	l.out.open.Load().to = &full{File: l.out.open.Load().to.(*os.File)}
	for _, user := range []string{"1", "2", "3"} {
		l.Record(Entry{Action: "ban", User: user})
	}
	l.Start()
	if err := l.Stop(time.Minute); err != nil {
		t.Fatal(err)
	}
	// The line about the missing record is behind the torn one, as number 2.
	wantLines(t, path, "1", `{"time":`, "dropped", "3")
}

// wantLines compares the lines of a file: each has the user or the action, or is torn and begins with the text.
func wantLines(t *testing.T, path string, want ...string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(got) != len(want) {
		t.Fatalf("got %d lines, want %d: %q", len(got), len(want), got)
	}
	for i, line := range got {
		var fields struct{ User, Action string }
		switch err := json.Unmarshal([]byte(line), &fields); {
		case err != nil && strings.HasPrefix(want[i], "{") && strings.HasPrefix(line, want[i]):
		case err != nil || fields.User != want[i] && fields.Action != want[i]:
			t.Errorf("line %d: got %s, want %s", i, line, want[i])
		}
	}
}

// Neither the start nor the stop waits for the reader of a named pipe.
func TestANamedPipeIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { // it would wait for ever
		_, err := Open(path, func(error) {})
		ended <- err
		reader, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			ended <- err
			return
		}
		defer reader.Close()
		l, err := Open(path, func(error) {})
		if err != nil {
			ended <- err
			return
		}
		l.Start()
		for range 4000 { // more than the pipe has room for
			l.Record(Entry{Action: "ban"})
		}
		ended <- l.Stop(time.Millisecond)
	}()
	for _, want := range []string{"no reader", ""} {
		select {
		case err := <-ended:
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("got %v, want %q", err, want)
			}
		case <-time.After(time.Minute):
			t.Fatal("it waits")
		}
	}
}

func TestNoLogRecordsNothing(t *testing.T) {
	t.Parallel()
	l, err := Open(Off, noFailure(t))
	if l != nil || err != nil {
		t.Fatalf("got %v, %v", l, err)
	}
	l.Record(Entry{Action: "ban"})
	if err := l.Reopen(); err != nil || l.Dropped() != 0 || l.Stop(0) != nil {
		t.Error("want no effect")
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none", "audit.log"), noFailure(t)); err == nil || !strings.Contains(err.Error(), "audit-log = ") {
		t.Errorf("got %v, want an error about the path", err)
	}
}

// Check names what Open cannot use, and creates nothing.
func TestCheckCreatesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for setting, want := range map[string]string{
		Off: "", Stderr: "", filepath.Join(dir, "audit.log"): "", "/dev/full": "",
		dir:                               "is a directory",
		filepath.Join(dir, "none", "log"): "create a file in " + filepath.Join(dir, "none"),
	} {
		if err := Check(setting); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", setting, err, want)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("got %v, %v in the directory, want nothing", entries, err)
	}
}
