package dump

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/brokertest"
)

// growingLog is a log that another process uses: what happens during a replay is a function of the test.
type growingLog struct {
	*testLog
	during func()
}

func (gl *growingLog) Close() {}

func (gl *growingLog) Replay(ctx context.Context, after uint64, f func(uint64, []byte) error) (uint64, error) {
	gl.during()
	return gl.testLog.Replay(ctx, after, f)
}

// growingEngine is an engine with that log, and with the tables of a Fake.
type growingEngine struct {
	broker.Engine
	log *growingLog
}

func (ge growingEngine) Open(context.Context, int) (broker.Log, error) { return ge.log, nil }

func exportLive(t *testing.T, log *growingLog) (lines string, sum Summary, err error) {
	t.Helper()
	fake := brokertest.New(brokertest.Options{Seed: 1, Auto: true})
	t.Cleanup(fake.End)
	engine := fake.Start("a")
	table, err := engine.Table(t.Context(), broker.KeyTable)
	if err == nil {
		_, err = table.Put(t.Context(), "guest", []byte(`{"v":1}`), nil, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	sum, err = ExportLive(t.Context(), growingEngine{engine, log}, true, &out)
	return out.String(), sum, err
}

// An export of a server that runs has what the log had at its begin, and the tables.
func TestALiveExportIsThatOfItsBegin(t *testing.T) {
	t.Parallel()
	log := &growingLog{testLog: &testLog{id: "0123456789abcdef"}}
	log.append(t, publish("a", 1, 1), publish("a", 1, 2))
	log.during = func() { // after the first pass, so that the second one must not see it
		log.append(t, clearTo("a", 1, 2), publish("a", 1, 3))
	}
	lines, sum, err := exportLive(t, log)
	if err != nil || sum.Exported.Publications != 2 || sum.Exported.Cleared != 0 || sum.Tables.Keys != 1 || sum.Error != "" {
		t.Errorf("got %+v, %v; want two publications and a key", sum, err)
	}
	if strings.Count(lines, "\n") != 3 || !strings.Contains(lines, `"offset":2`) || strings.Contains(lines, `"offset":3`) {
		t.Errorf("got the lines\n%s", lines)
	}
}

// Records that are removed during an export may have moved behind it: the export is not complete, and says so.
func TestALiveExportNoticesATrim(t *testing.T) {
	t.Parallel()
	log := &growingLog{testLog: &testLog{id: "0123456789abcdef"}}
	for n := range uint64(4) {
		log.append(t, publish("a", 1, n+1))
	}
	log.during = func() { log.trimmed = 2 }
	_, sum, err := exportLive(t, log)
	if !errors.Is(err, ErrTrimmed) || sum.Error == "" {
		t.Errorf("got %+v, %v; want ErrTrimmed", sum, err)
	}
}
