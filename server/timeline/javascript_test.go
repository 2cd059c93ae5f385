package timeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// event is what happens to a JavaScript client, in order: a publication, the start of a request, or its reply.
type event struct {
	Publication *jsPublication  `json:"pub,omitempty"`
	Request     int             `json:"request,omitempty"`
	Reply       int             `json:"reply,omitempty"`
	Page        json.RawMessage `json:"page,omitempty"`
}

// jsPublication is a publication as the JavaScript SDK has it.
type jsPublication struct {
	Data   json.RawMessage `json:"data"`
	Offset uint64          `json:"offset"`
	Time   int64           `json:"time"`
	Info   *jsInfo         `json:"info,omitempty"`
}

type jsInfo struct {
	User   string `json:"user"`
	Client string `json:"client"`
}

// jsHistory is what one client receives.
type jsHistory struct {
	Me     string  `json:"me"`
	Events []event `json:"events"`
}

const jsRunner = `
import { ChatRoom } from "./room.mjs";
import { readFileSync, writeFileSync } from "node:fs";
const results = [];
for (const { me, events } of JSON.parse(readFileSync("histories.json"))) {
  const room = new ChatRoom(me);
  const replies = new Map(), loads = new Map();
  for (const e of events) {
    if (e.pub) room.fold(e.pub);
    if (e.request) loads.set(e.request, room.load({ rpc: () => new Promise((reply) => replies.set(e.request, reply)) }, "room", {}));
    if (e.reply) {
      replies.get(e.reply)({ data: e.page });
      await loads.get(e.reply);
    }
  }
  results.push(room.sorted().map(({ upto, users, ...m }) => m));
}
writeFileSync("results.json", JSON.stringify(results));
`

// The class in docs/chat.md has the messages of the timeline: with the publications that it receives, and pages whose replies arrive late.
func TestTheJavaScriptOfTheReferenceFoldsToTheTimeline(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed: it runs the class of docs/chat.md")
	}
	dir := t.TempDir()
	var histories []jsHistory
	var want []map[float64]map[string]any
	for seed := range uint64(100) {
		h, messages := jsRandom(t, seed)
		histories, want = append(histories, h), append(want, messages)
	}
	in, err := json.Marshal(histories)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"room.mjs": referenceClass(t), "run.mjs": []byte(jsRunner), "histories.json": in} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := exec.Command(node, "run.mjs")
	run.Dir = dir
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got [][]map[string]any
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	for seed := range want {
		checkClient(t, seed, got[seed], want[seed])
	}
}

// checkClient compares the messages of a client with those that it must have. It may have evicted ones as well.
func checkClient(t *testing.T, seed int, got []map[string]any, want map[float64]map[string]any) {
	t.Helper()
	have := map[float64]map[string]any{}
	for _, m := range got {
		have[m["offset"].(float64)] = m
	}
	for offset, m := range want {
		if !reflect.DeepEqual(have[offset], m) {
			t.Fatalf("seed %d, message %v:\ngot  %v\nwant %v", seed, offset, have[offset], m)
		}
	}
}

// referenceClass returns the class of docs/chat.md.
func referenceClass(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("../../docs/chat.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := bytes.Cut(text, []byte("```js\n// The messages of one chat room in a client."))
	class, _, closed := bytes.Cut(after, []byte("```"))
	if !ok || !closed {
		t.Fatal("docs/chat.md has no class ChatRoom")
	}
	return append([]byte("//"), class...)
}

// jsRandom runs a random history and returns what a client receives that joins in the middle, and the messages at the end that it must have:
// those that it loaded or that were published since.
func jsRandom(t *testing.T, seed uint64) (h jsHistory, want map[float64]map[string]any) {
	m := model{t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 19)), durable: seed%2 == 1}
	h.Me = "u1"
	for m.step = range 60 {
		m.act()
	}
	var flying []event // replies on their way
	requests := 0
	heard := len(m.log)
	known := map[float64]bool{}
	for m.step = range 200 {
		m.act()
		for ; heard < len(m.log); heard++ {
			d := m.log[heard]
			h.Events = append(h.Events, event{Publication: jsPublicationOf(d.delivery)})
			known[float64(d.offset)] = true
		}
		switch n := m.random.IntN(12); {
		case n == 0:
			requests++
			q := Query{Direction: Direction(m.random.IntN(4)), At: m.random.Uint64N(m.last + 1), Limit: 1 + m.random.IntN(8), Viewer: h.Me}
			page := m.timeline.Page(q)
			flying = append(flying, event{Reply: requests, Page: page.AppendJSON(nil)})
			h.Events = append(h.Events, event{Request: requests})
			for _, v := range page.Messages {
				known[float64(v.Offset)] = true
			}
		case n < 3 && len(flying) > 0:
			h.Events, flying = append(h.Events, flying[0]), flying[1:]
		}
	}
	h.Events = append(h.Events, flying...)
	want = map[float64]map[string]any{}
	for _, v := range allPages(t, &m.timeline, Query{Limit: MaxPage, Viewer: h.Me}) {
		if offset := v["offset"].(float64); known[offset] {
			want[offset] = v
		}
	}
	return h, want
}

func jsPublicationOf(d delivery) *jsPublication {
	p := &jsPublication{Data: d.data, Offset: d.offset, Time: d.time}
	if d.user != "" || d.client != "" {
		p.Info = &jsInfo{d.user, d.client}
	}
	return p
}

// The examples of JSON in docs/chat.md are JSON, and the errors are those of the code.
func TestTheErrorsOfTheReferenceAreThoseOfTheCode(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/chat.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("check.go")
	if err != nil {
		t.Fatal(err)
	}
	missing := []string{}
	for line := range strings.Lines(string(source)) {
		_, after, ok := strings.Cut(line, `denied("`)
		reason, _, closed := strings.Cut(after, `")`)
		if ok && closed && !strings.Contains(string(text), reason) && !strings.Contains(reason, "may delete") {
			missing = append(missing, reason)
		}
	}
	if len(missing) > 0 {
		t.Errorf("docs/chat.md does not have %s", fmt.Sprintf("%q", missing))
	}
}
