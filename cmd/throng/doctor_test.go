package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/throng-chat/throng/bench/doctor"
	"github.com/throng-chat/throng/server"
	"github.com/throng-chat/throng/server/doctable"
)

// throng doctor, the systemd unit and the pages have the same number of reserved open files as the server.
func TestReservedOpenFilesMatchTheServer(t *testing.T) {
	t.Parallel()
	const connections = 10_000_000 // more than any open-file limit allows
	reserved := func(webhook string) int {
		cfg := server.DefaultConfig()
		cfg.MaxConnections, cfg.Webhooks.URL = connections, webhook
		found := regexp.MustCompile(`needs (\d+) open files`).FindStringSubmatch(fmt.Sprint(cfg.CheckFiles()))
		if found == nil {
			t.Fatalf("got %v, want an error with the open files", cfg.CheckFiles())
		}
		files, err := strconv.Atoi(found[1])
		if err != nil {
			t.Fatal(err)
		}
		return files - connections
	}
	plain, hooked := reserved(""), reserved("https://app.example/")

	report := doctor.Examine(&doctor.Machine{Files: fstest.MapFS{}, Cores: 1}, connections)
	if c := report.Checks[0]; c.Name != "open files of a process" || strings.ReplaceAll(c.Want, ",", "") != fmt.Sprint(connections+plain) {
		t.Errorf("doctor: got %+v, want %d open files", c, connections+plain)
	}

	unit, err := os.ReadFile("throng.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{fmt.Sprintf("LimitNOFILE=%d\n", 1_000_000+plain), fmt.Sprintf("throng reserves %d more, and with webhooks %d.", plain, hooked)} {
		if !strings.Contains(string(unit), want) {
			t.Errorf("throng.service lacks %q", want)
		}
	}

	page := doctable.Text(t, "operations.md")
	for _, want := range []string{
		fmt.Sprintf("| everything else | %d |", plain), fmt.Sprintf("| webhooks, if configured | %d |", hooked-plain),
		fmt.Sprintf("1,000,%d: 1,000,000 connections, or %d,%d with webhooks", plain, 999, 1000+plain-hooked),
	} {
		if !strings.Contains(page, want) {
			t.Errorf("operations.md lacks %q", want)
		}
	}
	if want := fmt.Sprintf("open-file limit less %d; with webhooks less %d |", plain, hooked); !strings.Contains(doctable.Text(t, "limits.md"), want) {
		t.Errorf("limits.md lacks %q", want)
	}
}
