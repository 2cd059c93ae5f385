//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

var reloadAttacks = []attack{
	{name: "10 reloads, 10,000 connections", config: reloadConfig(0), run: reloadCrowd},
}

// The load of reloadCrowd.
const (
	reloadRooms      = 100
	reloadMembers    = 100 // of each room
	reloadPublishers = 50  // each sends four messages a second: 20,000 deliveries a second in all
	reloads          = 10
	reloadPause      = time.Second // from one to the next
)

// reloadConfig returns the settings of reload number n: each differs from the one before in rooms, limits, keys and the log level.
func reloadConfig(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%sping-timeout = \"24h\"\nrate = %d\nmax-rooms = %d\norigin = [\"https://%d.example\"]\nlog-level = %q\n", quiet, 100+n, 100+n, n, []string{"info", "warn"}[n%2])
	for i := range reloadRooms {
		fmt.Fprintf(&b, "[[room]]\npattern = \"r%d\"\nhistory-size = %d\nhistory-ttl = \"%dm\"\npresence = %t\ndelta = %t\n", i, 10+(i+n)%50, 1+n%5, n%2 == 0, n%3 == 0)
	}
	fmt.Fprintf(&b, "[[api.keys]]\nname = \"k%d\"\nrole = \"all\"\nkey = \"a-key-of-the-torture-%d\"\n", n, n)
	return b.String()
}

// reloadCrowd reloads changed settings while 10,000 connections in 100 rooms receive messages. No connection may close, and an echo may take at most
// twice as long as before the reloads, under the same load.
func reloadCrowd(t *target) (string, error) {
	members := make([]*raw, reloadRooms*reloadMembers)
	if err := crowd(len(members), func(i int) (err error) {
		if members[i], err = t.plain(fmt.Sprint("r", i%reloadRooms), how{}); err == nil {
			members[i].discard()
		}
		return err
	}); err != nil {
		return "", err
	}
	stop, failed := make(chan struct{}), atomic.Int64{}
	var publishers sync.WaitGroup
	defer publishers.Wait()
	defer close(stop)
	text := frame([]byte(strings.Repeat("x", 100)))
	for _, m := range members[:reloadPublishers] {
		publishers.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(250 * time.Millisecond):
				}
				if _, err := m.Write(text); err != nil {
					failed.Add(1)
					return
				}
			}
		})
	}
	time.Sleep(2 * time.Second)
	t.begin()
	time.Sleep(reloads * reloadPause)
	before := t.p99()
	t.begin()
	var longest time.Duration
	for n := 1; n <= reloads; n++ {
		took, err := t.reload(reloadConfig(n))
		if err != nil {
			return "", err
		}
		longest = max(longest, took)
		time.Sleep(reloadPause - took)
	}
	during := t.p99()
	cut := failed.Load()
	for _, m := range members {
		if !established(m.Conn) {
			cut++
		}
	}
	note := fmt.Sprintf("%d cut; echo p99 %v before, %v during; a reload took %v at most", cut, round(before), round(during), round(longest))
	switch {
	case cut > 0:
		closes, err := t.closes()
		return note, errors.Join(fmt.Errorf("connections were closed: %s", closes), err)
	case during > 2*before:
		return note, errLate
	}
	return note, nil
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

// reload writes the config file and reloads it by the admin port. It returns the duration of the request.
func (t *target) reload(config string) (time.Duration, error) {
	if err := os.WriteFile(filepath.Join(t.dir, "throng.toml"), []byte(config), 0o600); err != nil {
		return 0, err
	}
	start := time.Now()
	resp, err := http.Post("http://"+t.admin+"/-/reload", "", nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var got struct {
		Result  string
		Applied []string
		Errors  []string
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		return 0, err
	}
	if got.Result != "applied" || len(got.Applied) < reloadRooms {
		return 0, fmt.Errorf("reload: %s, %d changes: %s", got.Result, len(got.Applied), strings.Join(got.Errors, "; "))
	}
	return time.Since(start), nil
}

// closes returns the reasons of the closed connections with their numbers.
func (t *target) closes() (string, error) {
	resp, err := http.Get("http://" + t.admin + "/metrics")
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var found []string
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if line := lines.Text(); strings.HasPrefix(line, "throng_closes_total") && !strings.HasSuffix(line, " 0") {
			found = append(found, line)
		}
	}
	return strings.Join(found, ", "), lines.Err()
}
