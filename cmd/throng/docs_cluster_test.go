package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// clusterBlock returns the block of a page in a language that has a text.
func clusterBlock(t *testing.T, page, language, with string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split(string(text), "```"+language+"\n")[1:] {
		if block, _, _ = strings.Cut(block, "```"); strings.Contains(block, with) {
			return block
		}
	}
	t.Fatalf("%s has no block %s with %q", page, language, with)
	return ""
}

// Each node of the pages has valid settings. The nodes of one page differ in name and address, and have the same peers.
func TestTheClustersOfThePagesAreValid(t *testing.T) {
	variable := regexp.MustCompile(`(THRONG_[A-Z_]+)[=:] ?"?([^ \n"]+)`)
	command := regexp.MustCompile(`command: (\[.*\])`)
	for _, c := range []struct {
		page, language, with string
		nodes                int
	}{
		{"../../docs/cluster.md", "yaml", "services:", 3},
		{"../../docs/cluster.md", "ini", "THRONG_PEERS", 1},
		{"../../README.md", "sh", "THRONG_PEERS", 3},
	} {
		t.Run(c.language, func(t *testing.T) {
			t.Setenv("STATE_DIRECTORY", t.TempDir())
			block := clusterBlock(t, c.page, c.language, c.with)
			for _, v := range variable.FindAllStringSubmatch(block, -1) {
				t.Setenv(v[1], v[2])
			}
			nodes := map[string]bool{}
			add := func(args ...string) {
				cfg, err := settled(t, written(t, ""), args...)
				if err != nil {
					t.Errorf("%q: %v", args, err)
				}
				nodes[cfg.Node+" "+cfg.ClusterListen] = cfg.Cluster == "chat" && len(cfg.Peers) == 3
			}
			for _, m := range command.FindAllStringSubmatch(block, -1) {
				var args []string
				if err := json.Unmarshal([]byte(m[1]), &args); err != nil {
					t.Errorf("%s: %v", m[1], err)
					continue
				}
				add(args[1:]...)
			}
			for line := range strings.Lines(block) {
				if args := strings.Fields(strings.TrimSuffix(strings.TrimSpace(line), "&")); len(args) > 1 && args[0] == "./throng" {
					add(args[2:]...)
				}
			}
			if c.language == "ini" {
				add()
			}
			if len(nodes) != c.nodes {
				t.Errorf("got the nodes %v, want %d", nodes, c.nodes)
			}
			for node, ok := range nodes {
				if !ok {
					t.Errorf("%s: want the cluster chat with three peers", node)
				}
			}
		})
	}
}
