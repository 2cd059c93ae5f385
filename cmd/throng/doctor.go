package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/term"

	"github.com/throng-chat/throng/bench/doctor"
)

// exitWillStop is the exit code of doctor if a limit of this machine is too low.
const exitWillStop = 4

// doctorCmd is the command throng doctor.
type doctorCmd struct {
	Connections int  `required:"" help:"Number of connections that the machine must hold."`
	JSON        bool `name:"json" help:"Print the report as JSON, instead of text."`
}

// Run checks the machine and prints the report.
func (dr *doctorCmd) Run() error {
	const most = 100_000_000
	if dr.Connections < 1 || dr.Connections > most {
		return &exitError{code: exitUsage, err: fmt.Errorf("connections = %d: must be 1 to %d", dr.Connections, most)}
	}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return fmt.Errorf("read the open-file limit: %w", err)
	}
	r := doctor.Examine(&doctor.Machine{Files: os.DirFS("/"), OpenFiles: uint64(files.Max), Cores: runtime.NumCPU()}, dr.Connections)
	err := dr.write(r)
	if err == nil && !r.OK {
		err = &exitError{code: exitWillStop, err: errors.New("this machine cannot hold the connections: apply the fixes above")}
	}
	return err
}

func (dr *doctorCmd) write(r *doctor.Report) error {
	if !dr.JSON {
		return r.WriteText(os.Stdout, term.IsTerminal(int(os.Stdout.Fd())))
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(r)
}
