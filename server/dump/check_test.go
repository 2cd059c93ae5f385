package dump

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/record"
)

// wholeLog has records 1 to 6 without a problem.
func wholeLog(t *testing.T) *testLog {
	tl := &testLog{id: "log"}
	tl.append(t, record.Entry{Kind: record.Fence}, record.Entry{Kind: record.Generation, Generation: 1})
	tl.append(t, publish("a", 1, 1), publish("b", 1, 1), publish("a", 1, 2))
	tl.append(t, record.Entry{Kind: record.Redact, Room: "a", Generation: 1, Offset: 1}, publish("a", 1, 3))
	tl.append(t, clearTo("b", 1, 1), publish("b", 1, 2), publish("b", 1, 0))
	tl.append(t, clearTo("a", 2, 1), publish("a", 2, 4)) // a repair: the history stays
	tl.append(t, publish("b", 3, 1), clearTo("b", 2, 9)) // a new life of the room, and a checkpoint that it has overtaken
	return tl
}

func TestAWholeLogHasNoProblem(t *testing.T) {
	t.Parallel()
	tl := wholeLog(t)
	problems, rep := check(t, tl)
	if len(problems) > 0 || !rep.OK() || rep.Records != 6 || rep.Publications != 7 || rep.Rooms != 2 || rep.First != 1 || rep.Last != 6 {
		t.Errorf("got %v, %+v", problems, rep)
	}
	tl.trimmed = 3
	if problems, rep := check(t, tl); len(problems) > 0 || !rep.OK() || rep.Records != 3 || rep.First != 4 {
		t.Errorf("without its oldest records: got %v, %+v", problems, rep)
	}
	if problems, rep := check(t, &testLog{}); len(problems) > 0 || !rep.OK() || rep.First != 1 || rep.Last != 0 {
		t.Errorf("an empty log: got %v, %+v", problems, rep)
	}
}

func TestEachProblemIsNamedAndCounted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		damage   func(t *testing.T, tl *testLog)
		problems []string
		damaged  int
		gaps     int
	}{
		{func(_ *testing.T, tl *testLog) { tl.records[1][20] ^= 1 }, []string{"record 2: the record is damaged: its checksum is"}, 1, 0},
		{func(_ *testing.T, tl *testLog) { tl.records[2][20] ^= 1 }, []string{"record 3: the record is damaged: its checksum is", `record 5: room "a": offset 4`}, 1, 1},
		{func(_ *testing.T, tl *testLog) { tl.records[5] = tl.records[5][:3] }, []string{"record 6: the record is too short: it has 3 bytes"}, 1, 0},
		{func(_ *testing.T, tl *testLog) { tl.records[5][0] = 9 }, []string{"record 6: the record is damaged: its checksum is"}, 1, 0},
		{func(_ *testing.T, tl *testLog) { tl.records[4], tl.records[5] = nil, nil }, []string{"record 5: missing or not readable, as all up to record 6"}, 2, 0},
		{func(_ *testing.T, tl *testLog) { tl.records[5] = nil }, []string{"record 6: missing or not readable"}, 1, 0},
		{func(_ *testing.T, tl *testLog) { tl.records[5] = []byte{} }, []string{"record 6: missing or not readable"}, 1, 0},
		{func(_ *testing.T, tl *testLog) { tl.records[0] = nil }, []string{"record 1: missing or not readable"}, 1, 0},
		{func(_ *testing.T, tl *testLog) { tl.records[5] = tl.records[4] }, []string{"record 6: out of its order: term 1 after 1, written to follow record 4"}, 1, 0},
		{func(t *testing.T, tl *testLog) { tl.append(t, publish("a", 2, 6)) }, []string{`record 7: room "a": offset 6 of generation 2 follows offset 4 of generation 2`}, 0, 1},
		{func(t *testing.T, tl *testLog) { tl.append(t, publish("a", 2, 4)) }, []string{`record 7: room "a": offset 4 of generation 2 follows offset 4 of generation 2`}, 0, 1},
		{func(t *testing.T, tl *testLog) { tl.append(t, publish("a", 1, 5)) }, []string{`record 7: room "a": offset 5 of generation 1 follows offset 4 of generation 2`}, 0, 1},
	} {
		tl := wholeLog(t)
		c.damage(t, tl)
		problems, rep := check(t, tl)
		same := slices.EqualFunc(problems, c.problems, strings.HasPrefix)
		if !same || rep.OK() || rep.Damaged != c.damaged || rep.Gaps != c.gaps {
			t.Errorf("got %q, %+v, want %q", problems, rep, c.problems)
		}
	}
}

func TestAnErrorOfTheLogEndsACheck(t *testing.T) {
	t.Parallel()
	tl := wholeLog(t)
	if _, err := Check(t.Context(), failingLog{tl}, nil); !errors.Is(err, errTest) {
		t.Errorf("got %v, want the error of the log", err)
	}
}

// failingLog cannot be read.
type failingLog struct{ *testLog }

func (failingLog) Replay(context.Context, uint64, func(uint64, []byte) error) (uint64, error) {
	return 0, errTest
}
