package live

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/static"
)

// The files in dist are those of a fresh build.
func TestTheScriptIsBuiltFromItsSources(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("files.go")
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^//go:generate (go run github\.com/evanw/esbuild/cmd/esbuild .+) --outfile=(dist/\S+)$`).FindAllSubmatch(source, -1)
	if len(lines) != 2 {
		t.Fatalf("files.go: got %d go:generate lines, want those of the script and the style", len(lines))
	}
	for _, line := range lines {
		args := strings.Fields(string(line[1]))
		build, stderr := exec.Command(args[0], args[1:]...), bytes.Buffer{}
		build.Stderr = &stderr
		fresh, err := build.Output()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, &stderr)
		}
		if committed := read(files, string(line[2])); !bytes.Equal(committed, fresh) {
			t.Errorf("%s: got %d bytes that differ from the %d of a fresh build: run make page-script", line[2], len(committed), len(fresh))
		}
	}
}

// The page loads what the port serves, and nothing that its policy forbids.
func TestThePageLoadsFilesOfThePort(t *testing.T) {
	t.Parallel()
	page := string(static.Compact(read(files, "index.html")))
	routes := (&Live{}).Routes()
	for _, name := range []string{"live.js", "uplot.js", "live.css", "uplot.css"} {
		if strings.Count(page, `"`+name+`"`) != 1 {
			t.Errorf("index.html does not load %s once", name)
		}
		w := httptest.NewRecorder()
		routes["GET /"+name].ServeHTTP(w, httptest.NewRequest("GET", "/"+name, nil))
		if w.Code != http.StatusOK || w.Body.Len() < 1000 || !strings.Contains(w.Header().Get("Content-Security-Policy"), "require-trusted-types-for 'script'") {
			t.Errorf("%s: got %d, %d bytes and %v", name, w.Code, w.Body.Len(), w.Header())
		}
	}
	if regexp.MustCompile(` (style|on[a-z]+)=|<style|<script>`).MatchString(page) {
		t.Error("index.html has a script or a style in the page, which its policy forbids")
	}
}
