package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/datadir"
	"github.com/throng-chat/throng/server/broker/natsbroker"
	"github.com/throng-chat/throng/server/dump"
)

// exitDamaged is the exit code of throng data if a record is damaged or missing, or a room has a gap.
const exitDamaged = 4

// dataCmd is the commands for a data directory that no server uses.
type dataCmd struct {
	Check  dataCheckCmd  `cmd:"" help:"Read all records of a data directory and name those that are damaged."`
	Export dataExportCmd `cmd:"" help:"Write the publications of a data directory to standard output, as JSON lines."`
	Import dataImportCmd `cmd:"" help:"Store JSON lines, or an export of Mattermost or Slack, in a data directory."`
}

type dataCheckCmd struct {
	Dir string `arg:"" help:"Data directory of a server that does not run."`
}

type dataExportCmd struct {
	Dir string `arg:"" help:"Data directory of a server that does not run."`
}

// Run reads all records and prints the problems and the totals.
func (dc *dataCheckCmd) Run() error {
	var rep dump.Report
	err := withStored(dc.Dir, func(ctx context.Context, log broker.Log) (err error) {
		rep, err = dump.Check(ctx, log, func(p dump.Problem) { fmt.Println(printable(p)) })
		return err
	})
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d records (%d to %d), %d bytes, %d entries, %d publications, %d rooms, %d changes of values\n", dc.Dir, rep.Records, rep.First, rep.Last, rep.Bytes, rep.Entries, rep.Publications, rep.Rooms, rep.Values)
	if rep.NotChecked > 0 {
		fmt.Printf("the offsets of %d entries are not checked: they are of rooms beyond the first %d\n", rep.NotChecked, dump.MaxRooms)
	}
	if !rep.OK() {
		return damaged(rep.Damaged, rep.Gaps)
	}
	fmt.Println("ok")
	return nil
}

// Run writes the lines to standard output, and the problems and the totals to standard error.
func (de *dataExportCmd) Run() error {
	var ex dump.Exported
	err := withStored(de.Dir, func(ctx context.Context, log broker.Log) (err error) {
		ex, err = dump.Export(ctx, log, os.Stdout, func(p dump.Problem) { fmt.Fprintln(os.Stderr, printable(p)) })
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "throng: %d publications, %d of them redacted; %d in cleared histories are left out; %d values\n", ex.Publications, ex.Redacted, ex.Cleared, ex.Values)
	if ex.Damaged+ex.Skipped > 0 {
		return damaged(ex.Damaged, ex.Skipped)
	}
	return nil
}

// damaged returns the error for a data directory with problems, which are printed.
func damaged(records, publications int) error {
	return &exitError{code: exitDamaged, err: fmt.Errorf("%d records are damaged or missing, and %d publications do not fit: "+
		"a server skips them and gives their rooms a new epoch; restore a backup, or go on without them", records, publications)}
}

// withStored is withLog for a directory that must have data.
func withStored(dir string, do func(context.Context, broker.Log) error) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return &exitError{code: exitUsage, err: fmt.Errorf("data directory %s: does not exist or is empty: name the directory of throng serve --data", dir)}
	}
	if err != nil {
		return fmt.Errorf("data directory %s: %w", dir, err)
	}
	return withLog(dir, do)
}

// closeTime is the time for the end of the engine. All records are stored before it.
const closeTime = 10 * time.Second

// withLog calls do with the log of a data directory, which it locks meanwhile. An interrupt ends ctx.
func withLog(dir string, do func(ctx context.Context, log broker.Log) error) (err error) {
	ctx, stop := interruptible()
	defer stop()
	engine, err := natsbroker.Open(natsbroker.Options{Dir: dir})
	if used, foreign := (*datadir.InUseError)(nil), (*datadir.ForeignError)(nil); errors.As(err, &used) || errors.As(err, &foreign) {
		return &exitError{code: exitInUse, err: err}
	}
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.Background(), closeTime)
		defer cancel()
		err = errors.Join(err, engine.Close(closing))
	}()
	log, err := engine.Open(ctx, 0)
	if err != nil {
		return err
	}
	defer log.Close()
	return do(ctx, log)
}

// printable returns the text of a problem, which may quote data of clients.
func printable(p dump.Problem) string { return result.Printable(p.String()) }
