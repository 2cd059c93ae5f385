//go:build linux

// Torture runs attacks against a throng process, from another process. It prints one line for each attack: its name, the growth of the
// server's memory, the latency of an honest client before and during the attack, and the verdict. It exits with 1 if an attack succeeded.
// At the end it ends processes of the storage engine by kill -9 and by a loss of power, and compares what they acknowledged with what is found.
//
//	go run ./server/torture [-run REGEXP] [-throng BINARY] [-tls ENGINE]
//
// The server is pinned to the first half of the processors, and the attacker to all but the first. All traffic uses the loopback
// interface, and each attack is bounded in count and time. A bound of latency is relative to the same client just before the attack.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/throng-chat/throng/server/broker/crashtest"
	"github.com/throng-chat/throng/server/torture/durability"
)

// attacks are all cases, in the order in which they run.
var attacks = slices.Concat(signalAttacks, logAttacks, replyAttacks, pageAttacks, joinAttacks, apiAttacks, heldAttacks, fallbackAttacks, chatRoomAttacks, burstAttacks, tlsAttacks, reloadAttacks)

func main() {
	only := flag.String("run", "", "run the attacks whose name matches this regular expression")
	binary := flag.String("throng", "", "the binary to attack; built from this checkout without it")
	flag.StringVar(&overTLS, "tls", "", "attack over TLS, with this engine of the server: llib or std")
	chat := flag.String("honest", "", "be the honest client of a server, such as echoes@127.0.0.1:3000 (torture starts it so)")
	appendTo := flag.String("append", "", "append records to the storage engine in this data directory, without end (torture starts it so)")
	noSync := flag.Bool("no-sync", false, "with -append: without syncs, so that a loss of power loses records")
	flag.Parse()
	if *appendTo != "" {
		fmt.Fprintln(os.Stderr, "torture: append:", crashtest.Append(*appendTo, *noSync, os.Stdout))
		os.Exit(1)
	}
	if *chat != "" {
		fmt.Println(beHonest(*chat)) // to the parent process
		os.Exit(1)
	}
	raiseFiles()
	if err := torture(*only, *binary); err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(1)
	}
}

func torture(only, binary string) error {
	match, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	if binary == "" {
		dir, err := os.MkdirTemp("", "torture")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if binary, err = durability.Build(context.Background(), dir); err != nil {
			return err
		}
	}
	pinSelf()
	var lost []string
	if overTLS != "" {
		fmt.Println("over TLS, engine", overTLS)
	}
	fmt.Printf("%-34s %12s %22s  %s\n", "attack", "memory", "others' p99", "verdict")
	for _, a := range attacks {
		if !match.MatchString(a.name) {
			continue
		}
		line, err := judge(binary, a)
		for run := 2; run <= tries && errors.Is(err, errLate); run++ {
			if line, err = judge(binary, a); err == nil {
				line += fmt.Sprintf(" [run %d; late before]", run)
			}
		}
		fmt.Println(line)
		if err != nil {
			lost = append(lost, a.name)
		}
	}
	for _, c := range crashes {
		if overTLS != "" || !match.MatchString(c.name) {
			continue
		}
		line, err := c.judge()
		fmt.Println(line)
		if err != nil {
			lost = append(lost, c.name)
		}
	}
	if len(lost) > 0 {
		return fmt.Errorf("%d attacks succeeded: %s", len(lost), strings.Join(lost, ", "))
	}
	return nil
}

// tries is how often an attack runs while only its latency bound is exceeded: other programs may be the cause.
const tries = 3

// judge runs one attack against a server of its own.
func judge(binary string, a attack) (line string, err error) {
	t, err := start(binary, a)
	if err != nil {
		return fmt.Sprintf("%-34s could not start: %v", a.name, err), err
	}
	defer t.stop()
	honest, err := startHonest(t.chat, echoes)
	if err != nil {
		return fmt.Sprintf("%-34s no honest client: %v", a.name, err), err
	}
	defer honest.stop()
	before := honest.measure(2 * time.Second)
	var memory *watch
	t.begin = func() {
		if memory != nil {
			memory.peak()
		}
		memory = t.watchMemory()
		honest.begin()
	}
	t.p99 = honest.end
	t.begin()
	note, err := a.run(t)
	during := honest.end()
	grown := memory.peak()
	switch {
	case err != nil:
	case a.ends:
	case t.ended():
		err = fmt.Errorf("the server ended: %s", t.cmd.ProcessState)
	case a.memory > 0 && grown > a.memory:
		err = fmt.Errorf("grew by more than %s", mib(a.memory))
	case honest.err() != nil:
		err = fmt.Errorf("the honest client: %w", honest.err())
	case a.p99 > 0 && during-before > a.p99:
		err = fmt.Errorf("%w, %v", errLate, a.p99)
	}
	verdict := "withstood"
	if err != nil {
		verdict = "LOST: " + err.Error()
	}
	if note != "" {
		verdict += " (" + note + ")"
	}
	return fmt.Sprintf("%-34s %12s %10v -> %9v  %s", a.name, fmt.Sprintf("%+.1f MiB", float64(grown)/(1<<20)), before.Round(100*time.Microsecond), during.Round(100*time.Microsecond), verdict), err
}
