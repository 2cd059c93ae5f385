package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestOneTableIsChosenByName(t *testing.T) {
	for _, name := range tableNames() {
		if got, err := chosen(name); err != nil || len(got) != 1 || got[0].name != name {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	if got, err := chosen(""); err != nil || len(got) != len(tables) {
		t.Errorf("without a name: got %d tables of %d, %v", len(got), len(tables), err)
	}
	if got, err := chosen("idel"); err == nil || !strings.Contains(err.Error(), "idle, fanout, hot") {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestTheDocumentsHaveAllTables(t *testing.T) {
	const dir = "../../docs/benchmarks"
	for _, name := range tableNames() {
		path, text, err := documentOf(dir, name)
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err = replaceTable(text, name, ""); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if path, _, err := documentOf(dir, "no-such-table"); err == nil {
		t.Errorf("a table without a mark: got %s", path)
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	marks := 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		marks += strings.Count(string(text), "<!-- figures: ")
	}
	if marks != len(tables) {
		t.Errorf("got %d marks, want one for each of %d tables", marks, len(tables))
	}
}

// The figures start their servers with rate 0, and with the default of rate-bytes.
func TestTheServerDoesNotLimitThePublishers(t *testing.T) {
	const rateBytes = 1 << 20 // the default, in bytes a second from one connection
	for _, w := range []workload{
		idleLoad, fanoutLoad, hotLoad(8000), hotLoad(16000), heartbeatLoad, stuckLoad, tlsFanoutLoad, tlsHotLoad, smallTextLoad, largeTextLoad, compressedFanoutLoad, clientRoomLoad, sdkHotLoad, bystanders,
	} {
		of := map[string]int{}
		for i := 0; i < len(w.flags); i += 2 {
			if n, err := strconv.Atoi(w.flags[i+1]); err == nil {
				of[w.flags[i]] = n
			}
		}
		if of["--rate"] == 0 {
			continue
		}
		if of["--publishers"] == 0 || of["--size"] == 0 {
			t.Errorf("%v: want publishers and a size", w.flags)
			continue
		}
		if perPublisher := of["--rate"] * of["--size"] / of["--publishers"]; perPublisher > rateBytes/2 {
			t.Errorf("%v: a publisher sends %d B/s, but throng reads at most %d B/s per connection: start throng with --rate-bytes 0", w.flags, perPublisher, rateBytes)
		}
	}
}
