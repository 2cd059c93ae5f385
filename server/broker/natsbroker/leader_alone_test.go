//go:build !nonats

package natsbroker

import (
	"testing"

	"github.com/nats-io/nats.go"
)

// An append ends if another server leads the storage. A server without a cluster is no other one, whether it names itself or not: an append that it needs
// longer for goes on.
func TestOnlyAnotherServerIsAnotherLeader(t *testing.T) {
	t.Parallel()
	const named, nameless, other = `{"config":{"name":"s"},"cluster":{"leader":"a"}}`, `{"config":{"name":"s"}}`, `{"config":{"name":"s"},"cluster":{"leader":"b"}}`
	const failed, without = `{"error":{"code":503}}`, `{"config":{"name":"s"},"cluster":{}}`
	for name, c := range map[string]struct {
		answers []string
		changed bool // by the last answer
	}{
		"the first one":          {[]string{named}, false},
		"the same":               {[]string{named, named}, false},
		"another one":            {[]string{named, other}, true},
		"another one, after all": {[]string{named, failed, without, other}, true},
		"alone, then named":      {[]string{nameless, named}, false},
		"named, then alone":      {[]string{named, nameless}, false},
	} {
		var le leading
		changed := false
		for _, text := range c.answers {
			var err error
			if changed, err = le.receive(&nats.Msg{Data: []byte(text)}); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if changed != c.changed {
			t.Errorf("%s: got changed %t, want %t", name, changed, c.changed)
		}
	}
}
