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

// An export needs a majority of the nodes: without one it is rejected before its first line, with the reason and an advice.
func TestAnExportWithoutAMajorityNamesTheReason(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	nodes := []testNode{startNode(t, fake, "a"), startNode(t, fake, "b"), startNode(t, fake, "c")}
	awaitOwners(t, nodes...)
	fake.Split(nodes[0].engine)
	eventually(t, "the export to be rejected", func() bool {
		status, text := adminRequest(t, nodes[0].Server, http.MethodGet, "/export", "")
		return status == http.StatusServiceUnavailable && strings.Contains(text, "does not reach a majority of the nodes: name the admin port of a node that reaches one")
	})
	if status, text := adminRequest(t, nodes[1].Server, http.MethodGet, "/export", ""); status != http.StatusOK {
		t.Errorf("a node of the majority: got %d %s, want 200", status, text)
	}
}
