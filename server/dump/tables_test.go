package dump

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/brokertest"
)

// The end of an imported sanction is that of its line, in the table as well.
func TestAnImportedSanctionEnds(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Auto: true})
	t.Cleanup(fake.End)
	node := fake.Start("a")
	line := fmt.Sprintf(`{"kind":"sanction","data":{"v":1,"kind":"mute","user":"eve","until":%d}}`, time.Now().Add(time.Hour).UnixMilli())
	im, err := Import(t.Context(), []broker.Log{&testLog{id: "log"}}, node, nil, strings.NewReader(line))
	if err != nil || im.Sanctions != 1 || im.Lines != 1 {
		t.Fatalf("got %+v, %v; want one sanction", im, err)
	}
	rep, err := CheckTables(t.Context(), node, func(problem string) { t.Error(problem) })
	if err != nil || rep != (TablesReport{Sanctions: 1}) {
		t.Errorf("got %+v, %v; want one sanction", rep, err)
	}
	fake.Advance(2 * time.Hour)
	table, err := node.Table(t.Context(), broker.SanctionTable)
	if err == nil {
		err = broker.Entries(t.Context(), table, func(key string, _ []byte, _ uint64) { t.Errorf("%s has no end", key) })
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What the server would not make or could not use is not stored, nor the lines before it.
func TestASanctionThatTheServerWouldNotMakeStopsTheImport(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Auto: true})
	t.Cleanup(fake.End)
	node := fake.Start("a")
	const good = `{"kind":"sanction","data":{"v":1,"kind":"ban","user":"ann"}}` + "\n"
	for data, want := range map[string]string{
		`{"v":1,"kind":"ban"}`:                                                        "ban: must have a user",
		`{"v":1,"kind":"mute","room":"a"}`:                                            "mute: must have a user",
		`{"v":1,"kind":"revoke","jti":"x"}`:                                           "revoke: must have a user",
		`{"v":1,"kind":"revoke","user":"x"}`:                                          "revoke: must have jti or issued_before",
		`{"v":1,"kind":"ban","user":"x","room":"a\u0000"}`:                            `room "a\x00": must have`,
		`{"v":1,"kind":"ban","user":"x","until":9223372036854775807}`:                 "until: must be within 100 years",
		`{"v":1,"kind":"ban","user":"x","reason":"` + strings.Repeat("x", 257) + `"}`: "reason: found 257 bytes, allowed: 256",
		`{"v":1,"kind":"ban","user":"x","reason":"a\nb"}`:                             "reason: found the control character U+000A",
		`{"v":1,"kind":"slow_mode","room":"a","pause":5,"reason":"x"}`:                "reason: must be of a ban or a mute",
		`{"v":1,"kind":"slow_mode","pause":5}`:                                        "slow_mode: must have a room",
		`{"v":1,"kind":"slow_mode","room":"a","user":"x","pause":5}`:                  "slow_mode: must have a room, and no user",
		`{"v":1,"kind":"slow_mode","room":"a"}`:                                       "pause: must be 1 to 86400000",
		`{"v":1,"kind":"slow_mode","room":"a","pause":9223372036854775807}`:           "pause: must be 1 to",
		`{"v":1,"kind":"slow_mode","room":"a","pause":86400001,"until":99999}`:        "pause: must be 1 to",
	} {
		im, err := Import(t.Context(), []broker.Log{&testLog{id: "log"}}, node, nil, strings.NewReader(good+`{"kind":"sanction","data":`+data+`}`))
		if err == nil || !strings.HasPrefix(err.Error(), "line 2: sanction: data: "+want) || im.Lines != 0 {
			t.Errorf("%s: got %+v, %v; want %q", data, im, err, want)
		}
	}
	unusable := func(key string, value []byte) error { return fmt.Errorf("%s is %s", key, value) }
	im, err := Import(t.Context(), []broker.Log{&testLog{id: "log"}}, node, unusable, strings.NewReader(good+`{"kind":"key","key":"guest","data":5}`))
	if err == nil || err.Error() != "line 2: key: guest is 5" || im.Lines != 0 {
		t.Errorf("a key: got %+v, %v", im, err)
	}
	if rep, err := CheckTables(t.Context(), node, func(string) {}); err != nil || rep != (TablesReport{}) {
		t.Errorf("got %+v, %v; want nothing stored", rep, err)
	}
}

// A sanction that cannot be read is named, counted and not exported.
func TestAnUnreadableSanctionIsNamed(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Auto: true})
	t.Cleanup(fake.End)
	node := fake.Start("a")
	table, err := node.Table(t.Context(), broker.SanctionTable)
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{"ban-a": `{"v":1,"kind":"ban","user":"ann"}`, "ban-b": "{"} {
		if _, err := table.Put(t.Context(), key, []byte(value), nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	var problems []string
	rep, err := CheckTables(t.Context(), node, func(problem string) { problems = append(problems, problem) })
	if err != nil || rep.Unreadable != 2 || rep.OK() || len(problems) != 2 {
		t.Errorf("got %+v, %v, %q; want two unreadable sanctions: one is not JSON, the other has the key of another", rep, err, problems)
	}
	var out strings.Builder
	ex, err := ExportTables(t.Context(), node, true, &out, func(string) {})
	if err != nil || ex.Unreadable != 2 || out.Len() > 0 {
		t.Errorf("got %+v, %v and lines %q; want two unreadable sanctions", ex, err, out.String())
	}
}
