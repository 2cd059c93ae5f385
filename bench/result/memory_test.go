package result

import (
	"fmt"
	"strings"
	"testing"
)

// Files of older versions have the growth since before the first connection, and no error. The value is shown only if little growth can
// hide.
func TestMemoryPerConnectionOfAFileIsShownWhereItIsKnown(t *testing.T) {
	for _, tt := range []struct {
		name, server string
		known        bool
		text         string
	}{
		{"old file, 16 KB each", `"pss_before":6000000,"pss_per_connection":16056`, true, "16056 B (growth of PSS)"},
		{"old file, 117 B each", `"pss_before":23000000,"pss_per_connection":117`, false, "not known"},
		{"old file, memory not visible", `"pss_before":0,"pss_per_connection":0`, false, "not known"},
		{"levels", `"pss_before":23000000,"pss_per_connection":401,"pss_per_connection_error":33,"pss_levels":[{"connections":1,"pss":2},{},{}]`,
			true, "401 B ± 33 B (slope of PSS over 3 levels"},
		{"levels that lie on a line", `"pss_before":23000000,"pss_per_connection":401,"pss_levels":[{"connections":1,"pss":2},{},{}]`, true, "401 B ± 0 B"},
		{"levels that differ by chance", `"pss_before":23000000,"pss_per_connection":401,"pss_per_connection_error":101,"pss_levels":[{},{},{}]`,
			false, "is 401 B ± 101 B; raise --connections"},
		{"memory that falls", `"pss_before":23000000,"pss_per_connection":-20,"pss_per_connection_error":1,"pss_levels":[{},{},{}]`, false, "not known"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Read(strings.NewReader(fmt.Sprintf(`{"schema":%q,"connect":{"opened":10000},"server":{%s}}`, Schema, tt.server)))
			if err != nil {
				t.Fatal(err)
			}
			m := r.MemoryPerConn()
			if m.Known != tt.known || !strings.Contains(m.Text(), tt.text) {
				t.Errorf("got %+v: %s, want known %v: %s", m, m.Text(), tt.known, tt.text)
			}
			bound, err := ParseBound("pss/conn<1MiB")
			if err != nil {
				t.Fatal(err)
			}
			if got := bound.Check(r); got.OK != tt.known || (got.Value != nil) != tt.known {
				t.Errorf("--fail: got %+v, want that only a known value holds", got)
			}
		})
	}
}
