// Command go works the Go SDK for the scenarios: commands come as lines of JSON, answers and what the SDK tells of by itself go as lines. The same
// for JavaScript is ../driver.js.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"sync"

	"github.com/centrifugal/centrifuge-go"
)

// request is a command of the scenarios.
type request struct {
	ID      int             `json:"id"`
	Member  string          `json:"member"`
	Command string          `json:"command"`
	Args    json.RawMessage `json:"args"`
}

var output = struct {
	sync.Mutex
	*json.Encoder
}{Encoder: json.NewEncoder(os.Stdout)}

func tell(line map[string]any) {
	output.Lock()
	defer output.Unlock()
	if err := output.Encode(line); err != nil {
		log.Fatal(err)
	}
}

// answer tells the result of a command.
func (r request) answer(result any, err error) {
	if err == nil {
		tell(map[string]any{"id": r.ID, "result": result})
		return
	}
	failure := map[string]any{"message": err.Error()}
	if code := codeOf(err); code > 0 {
		failure["code"] = code
	}
	tell(map[string]any{"id": r.ID, "error": failure})
}

// codeOf returns the code of an error of the server; 0 for another error.
func codeOf(err error) uint32 {
	var e *centrifuge.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// queries are the commands that wait for a reply of the server. Those of one member wait side by side.
var queries = map[string]func(*member, args) (any, error){
	"publish": func(m *member, a args) (any, error) {
		_, err := m.client.Publish(context.Background(), a.Channel, a.Data)
		return nil, err
	},
	"rpc": func(m *member, a args) (any, error) {
		result, err := m.client.RPC(context.Background(), a.Method, a.Data)
		return map[string]any{"data": json.RawMessage(result.Data)}, err
	},
	"presence": func(m *member, a args) (any, error) {
		result, err := m.client.Presence(context.Background(), a.Channel)
		list := []map[string]string{}
		for _, info := range result.Clients {
			list = append(list, map[string]string{"user": info.User, "client": info.Client})
		}
		return map[string]any{"list": list}, err
	},
	"presenceStats": func(m *member, a args) (any, error) {
		result, err := m.client.PresenceStats(context.Background(), a.Channel)
		return map[string]int{"numClients": result.NumClients, "numUsers": result.NumUsers}, err
	},
	"history": func(m *member, a args) (any, error) {
		options := []centrifuge.HistoryOption{centrifuge.WithHistoryLimit(a.Limit), centrifuge.WithHistoryReverse(a.Reverse)}
		if a.Since != nil {
			options = append(options, centrifuge.WithHistorySince(&centrifuge.StreamPosition{Offset: a.Since.Offset, Epoch: a.Since.Epoch}))
		}
		result, err := m.client.History(context.Background(), a.Channel, options...)
		pubs := []map[string]any{}
		for _, p := range result.Publications {
			pubs = append(pubs, map[string]any{"data": json.RawMessage(p.Data), "offset": p.Offset})
		}
		return map[string]any{"publications": pubs, "offset": result.Offset, "epoch": result.Epoch}, err
	},
}

func main() {
	members := map[string]*member{}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		var r request
		var a args
		if err := errors.Join(json.Unmarshal(lines.Bytes(), &r), json.Unmarshal(r.Args, &a)); err != nil {
			log.Fatal(err)
		}
		if r.Command == "open" {
			members[r.Member] = open(r.Member, a)
			r.answer(nil, nil)
			continue
		}
		m, query := members[r.Member], queries[r.Command]
		switch {
		case m == nil:
			r.answer(nil, fmt.Errorf("member %q is not open", r.Member))
		case r.Command == "answer":
			m.answer(a)
			r.answer(nil, nil)
		case query != nil:
			go func() { r.answer(query(m, a)) }()
		default:
			m.steps <- func() { r.answer(nil, m.step(r.Command, a)) }
		}
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}
