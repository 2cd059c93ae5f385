package durability

import (
	"encoding/json"
	"strings"
	"testing"
)

// A round of a cluster begins when nothing is missing: also no copy of a log.
func TestAClusterIsWholeOnlyWithAllReplicas(t *testing.T) {
	const nodes = `"nodes":[{"name":"a"},{"name":"b"},{"name":"c"}]`
	log := func(replicas string) string {
		return `{` + nodes + `,"logs":[{"name":"durable-0","owner":"a","replicas_wanted":3,` + replicas + `},{"name":"memory","owner":"a"}]}`
	}
	const current = `{"name":"a","state":"current"},{"name":"b","state":"current"}`
	for _, tt := range []struct{ name, status, want string }{
		{"whole", log(`"replicas":[` + current + `,{"name":"c","state":"current"}]`), ""},
		{"whole under load", log(`"replicas":[` + current + `,{"name":"c","state":"behind","lag":20}]`), ""},
		{"publications are rejected", `{"why":"this node starts: storage",` + nodes + `}`, "this node starts"},
		{"a node is not there", `{"nodes":[{"name":"a"},{"name":"b"}]}`, "2 of 3 nodes"},
		{"a replica is behind", log(`"replicas":[` + current + `,{"name":"c","state":"behind","lag":21}]`), "on c is behind: 21"},
		{"a replica is silent", log(`"replicas":[` + current + `,{"name":"c","state":"silent"}]`), "on c is silent"},
		{"replicas are not known", log(`"replicas_unknown":true`), "durable-0 log has 0 of 3"},
		{"the log has no leader", log(`"replicas":[]`), "durable-0 log has 0 of 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s clusterStatus
			if err := json.Unmarshal([]byte(tt.status), &s); err != nil {
				t.Fatal(err)
			}
			if lacks := s.current(3); (lacks == "") != (tt.want == "") || !strings.Contains(lacks, tt.want) {
				t.Errorf("the cluster lacks %q, want %q", lacks, tt.want)
			}
		})
	}
}
