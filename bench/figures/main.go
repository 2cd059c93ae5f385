// Figures makes the tables of BENCHMARKS.md: it runs throng and the peers side by side, one after another in turn, the server on core
// 0 and the client on core 1, and writes medians into the document, each table between its marks. `make benchmarks` builds what it
// needs and calls it.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

var (
	throng   = flag.String("throng", "./throng", "the binary to measure, and the client of all runs")
	peers    = flag.String("peers", "dist/peers", "where bench/peers/build.sh put the peers")
	rounds   = flag.Int("rounds", 5, "runs of each server, of which the median is told")
	only     = flag.String("only", "", "one table: idle, fanout, hot, heartbeat, unfinished, stuck, client, sdk, closings, webhooks, crowds")
	document = flag.String("document", "", "the file whose tables are written; without it they are printed")
)

func main() {
	log.SetFlags(0)
	flag.Parse()
	if job := os.Getenv(holdEnv); job != "" {
		hold(job)
		return
	}
	if text := os.Getenv(applicationEnv); text != "" {
		log.Fatalf("figures: application: %v", serveApplication(text))
	}
	if err := moveToClientsCore(); err != nil {
		log.Fatalf("figures: %v", err)
	}
	here, err := machine()
	if err != nil {
		log.Fatalf("figures: %v", err)
	}
	for _, table := range []struct {
		name string
		make func() (string, error)
	}{
		{"idle", idle}, {"fanout", fanout}, {"hot", hot}, {"heartbeat", heartbeat}, {"unfinished", unfinished}, {"stuck", stuck}, {"client", client}, {"sdk", backend}, {"closings", endings}, {"webhooks", webhooks}, {"crowds", crowds},
	} {
		if *only != "" && *only != table.name {
			continue
		}
		text, err := table.make()
		if err == nil {
			err = publish(table.name, text+"\n"+here)
		}
		if err != nil {
			log.Fatalf("figures: %s: %v", table.name, err)
		}
	}
}

// moveToClientsCore begins this program anew where it may use more than core 1: some of the clients are its own.
func moveToClientsCore() error {
	if runtime.NumCPU() == 1 {
		return nil
	}
	taskset, err := exec.LookPath("taskset")
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return syscall.Exec(taskset, append([]string{"taskset", "-c", "1", self}, os.Args[1:]...), os.Environ())
}

func publish(name, table string) error {
	if *document == "" {
		_, err := fmt.Printf("%s:\n\n%s\n", name, table)
		return err
	}
	before, err := os.ReadFile(*document)
	if err != nil {
		return err
	}
	after, err := replaceTable(string(before), name, table)
	if err != nil {
		return fmt.Errorf("%s: %w", *document, err)
	}
	return os.WriteFile(*document, []byte(after), 0o644)
}
