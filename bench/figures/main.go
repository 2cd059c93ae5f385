// Figures makes the tables of docs/benchmarks. It runs throng and the peers in turn, the server on core 0 and the client on core 1, and
// writes the medians into the documents, each table between its marks. `make benchmarks` builds what it needs and calls it.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

var only = flag.String("only", "", "make one table: "+strings.Join(tableNames(), ", "))

// table is one part of a document between its marks. It has a file of its own.
type table struct {
	name string
	make func() (string, error)
}

// tables are in the order in which they are made.
var tables = []table{
	{name: "idle", make: idle},
	{name: "fanout", make: fanout},
	{name: "hot", make: hot},
	{name: "heartbeat", make: heartbeat},
	{name: "unfinished", make: unfinished},
	{name: "stuck", make: stuck},
	{name: "client", make: client},
	{name: "tls", make: secure},
	{name: "compression", make: compressing},
	{name: "sdk", make: backend},
	{name: "closings", make: endings},
	{name: "webhooks", make: webhooks},
	{name: "crowds", make: crowds},
}

func tableNames() (names []string) {
	for _, t := range tables {
		names = append(names, t.name)
	}
	return names
}

// chosen returns the tables with that name, or all if the name is empty.
func chosen(name string) ([]table, error) {
	if name == "" {
		return tables, nil
	}
	for _, t := range tables {
		if t.name == name {
			return []table{t}, nil
		}
	}
	return nil, fmt.Errorf("--only %s: must be one of %s", name, strings.Join(tableNames(), ", "))
}

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
	wanted, err := chosen(*only)
	if err != nil {
		log.Fatalf("figures: %v", err)
	}
	if err := moveToClientsCore(); err != nil {
		log.Fatalf("figures: %v", err)
	}
	here, err := machine()
	if err != nil {
		log.Fatalf("figures: %v", err)
	}
	for _, t := range wanted {
		text, err := t.make()
		if err == nil {
			err = publish(t.name, text+"\n"+here)
		}
		if err != nil {
			log.Fatalf("figures: %s: %v", t.name, err)
		}
	}
}

// moveToClientsCore restarts this program on core 1 if it may use more, because some of the clients run in it.
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
	if *documents == "" {
		_, err := fmt.Printf("%s:\n\n%s\n", name, table)
		return err
	}
	path, before, err := documentOf(*documents, name)
	if err != nil {
		return err
	}
	after, err := replaceTable(before, name, table)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(after), 0o644)
}
