//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"syscall"

	"github.com/throng-chat/throng/bench/result"
)

// bench runs throng bench with the nodes as targets and clients of the SDK protocol. A run that was not steady, or limited by its client, is a result as well.
func (s *setup) bench(ctx context.Context, cl *cluster, scenario string, args ...string) (*result.Result, error) {
	target := []string{"--targets", cl.targets()}
	if len(cl.nodes) == 1 {
		target = []string{cl.targets()}
	}
	cmd := exec.CommandContext(ctx, s.binary, slices.Concat([]string{"bench", scenario}, target, []string{"--protocol", "centrifugo-protobuf", "--no-floor", "--json"}, args)...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	r, unread := result.Read(&out)
	if unread != nil {
		return nil, fmt.Errorf("throng bench: %w: %s", err, problems.String())
	}
	if r.Verdict.Code == result.Broken || r.Verdict.Code == result.None || r.Verdict.Code == result.Gaps {
		return r, fmt.Errorf("%s: %v", r.Verdict.Code, r.Verdict.Why)
	}
	return r, nil
}
