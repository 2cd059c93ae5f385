package dump

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/record"
)

// newLogs returns an engine with so many logs, which are open.
func newLogs(t *testing.T, count int) (engine broker.Engine, logs []broker.Log) {
	t.Helper()
	fake := brokertest.New(brokertest.Options{Seed: uint64(count), Auto: true})
	t.Cleanup(fake.End)
	engine = fake.Start("a")
	if got, err := engine.Logs(t.Context(), count); err != nil || got != count {
		t.Fatalf("got %d logs, %v", got, err)
	}
	for shard := range count {
		log, err := engine.Open(t.Context(), shard)
		if err != nil {
			t.Fatal(err)
		}
		logs = append(logs, log)
	}
	return engine, logs
}

// An import puts each room into its log, and an export of a server has the lines of all logs: from one log to three, and back.
func TestAnImportAndALiveExportHaveAllLogs(t *testing.T) {
	t.Parallel()
	const rooms = 20
	var lines strings.Builder
	for i := range rooms {
		for offset := range uint64(3) {
			lines.WriteString(jsonLine(fmt.Sprint("room", i), 1, offset+1, ""))
		}
	}
	lines.WriteString(`{"kind":"value","room":"","key":"settings","time":5,"data":1}` + "\n")
	from := lines.String()
	sorted := func(text string) []string {
		list := strings.Split(ofTheLog.ReplaceAllString(text, ""), "\n")
		slices.Sort(list)
		return list
	}
	var before []string
	for i, count := range []int{1, 3, 1} {
		engine, logs := newLogs(t, count)
		im, err := Import(t.Context(), logs, nil, nil, strings.NewReader(from))
		if err != nil || im.Publications != 3*rooms || im.Rooms != rooms || im.Values != 1 || im.Gaps > 0 {
			t.Fatalf("import into %d logs: got %+v, %v", count, im, err)
		}
		for shard, log := range logs {
			if problems, rep := check(t, log); len(problems) > 0 || rep.Publications == 0 {
				t.Errorf("log %d of %d: %d publications, %v", shard, count, rep.Publications, problems)
			}
			s := scan{problem: func(Problem) {}, entry: func(_ place, e *record.Entry) error {
				if e.Kind != record.Fence && record.LogOf(e.Room, count) != shard {
					t.Errorf("log %d of %d has an entry of %q", shard, count, e.Room)
				}
				return nil
			}}
			if err := s.run(t.Context(), log); err != nil {
				t.Fatal(err)
			}
		}
		var out strings.Builder
		sum, err := ExportLive(t.Context(), engine, false, &out)
		if err != nil || sum.Exported.Publications != 3*rooms || sum.Exported.Values != 1 || sum.Exported.Records < count {
			t.Errorf("export of %d logs: got %+v, %v", count, sum, err)
		}
		if now := sorted(out.String()); i > 0 && !slices.Equal(now, before) {
			t.Errorf("export of %d logs: got\n%q\nwant\n%q", count, now, before)
		} else {
			before = now
		}
		from = out.String()
	}
}
