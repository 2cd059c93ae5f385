package durability

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/throng-chat/throng/server/oracle"
)

// complete waits until each subscriber has everything, notes it, and writes the histories. Those of all nodes must be equal. A subscriber that has not everything is
// noted as complete as well: the oracle names what it lacks.
func (cr *clusterRun) complete(ctx context.Context) error {
	log, err := os.Create(cr.path("log.jsonl"))
	if err != nil {
		return err
	}
	defer log.Close()
	for _, room := range cr.rooms {
		if err := cr.awaitEqual(ctx, room); err != nil {
			return err
		}
		var first string
		var at oracle.Position
		for i, n := range cr.nodes {
			lines, end, err := n.history(ctx, room)
			if err != nil {
				return fmt.Errorf("history of room %s on node %s: %w", room, n.name, err)
			}
			if i == 0 {
				first, at = lines, end
			} else if lines != first {
				return fmt.Errorf("room %s: node %s and node %s have different histories: %d and %d bytes", room, cr.nodes[0].name, n.name, len(first), len(lines))
			}
		}
		if _, err := log.WriteString(first); err != nil {
			return err
		}
		for _, sb := range cr.subscribers {
			if err := waitUntil(ctx, completeTime, "all is received", func() bool { return sb.has(room, at) }); err != nil && ctx.Err() != nil {
				return err
			}
		}
	}
	for _, sb := range cr.subscribers {
		sb.complete()
	}
	return nil
}

// awaitEqual waits until all nodes are at the same position in a room: after a fault, a node may be behind.
func (cr *clusterRun) awaitEqual(ctx context.Context, room string) error {
	what := ""
	err := waitUntil(ctx, completeTime, "all nodes have everything", func() bool {
		what = ""
		var first oracle.Position
		for i, n := range cr.nodes {
			page, err := n.page(ctx, room, 0, 0)
			if i == 0 {
				first = page.Position
			}
			what += fmt.Sprintf(" %s: %d %s;", n.name, page.Offset, page.Epoch)
			if err != nil || page.Position != first {
				return false
			}
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("room %s:%s %w", room, what, err)
	}
	return nil
}

// history returns the whole history of a room as lines of the log, and the position of the room.
func (n *node) history(ctx context.Context, room string) (lines string, at oracle.Position, err error) {
	var all strings.Builder
	out := json.NewEncoder(&all)
	for since := uint64(0); ; {
		page, err := n.page(ctx, room, since, maxPage)
		if err != nil {
			return "", at, err
		}
		at = page.Position
		for _, pub := range page.Publications {
			line := oracle.Stored{Room: room, Position: oracle.Position{Offset: pub.Offset, Epoch: page.Epoch}}
			line.Data.ID = oracle.ID{Publisher: pub.Data.Publisher, Number: pub.Data.Number}
			if err := out.Encode(line); err != nil {
				return "", at, err
			}
			since = pub.Offset
		}
		if len(page.Publications) == 0 {
			return all.String(), at, nil
		}
	}
}

// historyPage is a page of a history.
type historyPage struct {
	oracle.Position
	Publications []received `json:"publications"`
}

const maxPage = 300 // publications

// page requests the next page of a history, of at most limit publications. 0: only the position.
func (n *node) page(ctx context.Context, room string, since uint64, limit int) (page historyPage, err error) {
	step, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	body := strings.NewReader(fmt.Sprintf(`{"channel":%q,"limit":%d,"since":{"offset":%d}}`, room, limit, since))
	request, err := http.NewRequestWithContext(step, http.MethodPost, "http://"+n.public+"/api/history", body)
	if err != nil {
		return page, err
	}
	request.Header.Set("X-API-Key", apiKey)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return page, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return page, err
	}
	var reply struct {
		Error  *sdkError
		Result historyPage
	}
	if err := json.Unmarshal(text, &reply); err != nil || reply.Error != nil {
		return page, fmt.Errorf("status %d: %.200s", response.StatusCode, text)
	}
	return reply.Result, nil
}
