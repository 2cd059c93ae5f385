package server

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/admin"
)

// An operator exports what a server that runs has stored. The trailer shows that the lines are complete.
func TestAnOperatorExportsWhatIsStored(t *testing.T) {
	t.Parallel()
	s, _ := startDurable(t, newFake(t), durableRoom("d*"))
	call(t, s, "publish", `{"channel":"d1","data":{"text":"stored"}}`)
	response, err := http.Get("http://" + s.AdminAddr().String() + "/export?keys")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	summary := response.Trailer.Get(admin.ExportTrailer)
	if err != nil || !strings.Contains(string(text), `"data":{"text":"stored"}`) || !strings.Contains(summary, `"Publications":1`) {
		t.Errorf("got %s with the trailer %q, %v", text, summary, err)
	}
}

func TestAServerInMemoryHasNothingToExport(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	if status, text := adminRequest(t, s, http.MethodGet, "/export", ""); status != http.StatusNotFound || !strings.Contains(text, "--data") {
		t.Errorf("got %d and %s, want 404 and an advice", status, text)
	}
}
