package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/throng-chat/throng/bench/report"
	"github.com/throng-chat/throng/bench/result"
)

// A build without uPlot says so before it measures, not after.
func TestAReportIsMadeOrRefusedBeforeTheRun(t *testing.T) {
	t.Parallel()
	page := filepath.Join(t.TempDir(), "page.html")
	code, stdout, stderr := outcome(t, throng(t, "bench", "connect", "--connections", "5", "--no-floor", "--html", page))
	if report.HTML(io.Discard, &result.Result{}) != nil {
		if code != exitFailed || stdout != "" || !strings.Contains(stderr, "html: this throng was built without uPlot: run make build") {
			t.Errorf("without uPlot: got exit %d: %s%s", code, stdout, stderr)
		}
		return
	}
	if text, err := os.ReadFile(page); code != 0 || err != nil || !strings.Contains(string(text), "5 of 5") {
		t.Errorf("got exit %d, %v: %s%s", code, err, stdout, stderr)
	}
}
