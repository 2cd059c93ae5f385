//go:build !nonats

package natsbroker

import (
	"errors"
	"slices"
	"testing"

	"github.com/nats-io/nats.go"
)

// A replica does not answer: its process is stopped. The replay must not wait for it, and read from another one.
func TestAReplayReadsFromAnotherReplica(t *testing.T) {
	t.Parallel()
	st, l := newStorage(t)
	reads := 0
	st.answer(t, "$JS.API.DIRECT.GET.LOG", func(m *nats.Msg) error {
		if reads++; reads < 3 {
			return nil
		}
		record := nats.NewMsg(m.Reply)
		record.Data = []byte("record")
		record.Header.Set("Nats-Sequence", "1")
		end := nats.NewMsg(m.Reply)
		end.Header.Set("Status", "204")
		return errors.Join(st.conn.PublishMsg(record), st.conn.PublishMsg(end))
	})
	var got []string
	last, err := l.Replay(t.Context(), 0, func(_ uint64, record []byte) error {
		got = append(got, string(record))
		return nil
	})
	if err != nil || last != 1 || !slices.Equal(got, []string{"record"}) {
		t.Errorf("got %q up to %d, error %v; want the record", got, last, err)
	}
}
