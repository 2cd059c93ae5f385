package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
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
	Export dataExportCmd `cmd:"" help:"Write the publications and the sanctions of a data directory to standard output, as JSON lines."`
	Import dataImportCmd `cmd:"" help:"Store JSON lines, or an export of Mattermost or Slack, in a data directory."`
}

type dataCheckCmd struct {
	Dir string `arg:"" help:"Data directory of a server that does not run."`
}

type dataExportCmd struct {
	Dir   string `arg:"" optional:"" help:"Data directory of a server that does not run."`
	Admin string `placeholder:"URL" help:"Admin port of a server that runs, instead of a directory: http://HOST:PORT, https://HOST:PORT or unix:/PATH."`
	Keys  bool   `help:"Write the keys of guest tokens and of Web Push as well. They are secrets."`
}

// Run reads all records and prints the problems and the totals.
func (dc *dataCheckCmd) Run() error {
	var rep dump.Report
	var tables dump.TablesReport
	err := withStored(dc.Dir, func(ctx context.Context, engine broker.Engine, log broker.Log) (err error) {
		if rep, err = dump.Check(ctx, log, func(p dump.Problem) { fmt.Println(printable(p)) }); err != nil {
			return err
		}
		tables, err = dump.CheckTables(ctx, engine, func(problem string) { fmt.Println(result.Printable(problem)) })
		return err
	})
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d records (%d to %d), %d bytes, %d entries, %d publications, %d rooms, %d changes of values\n", dc.Dir, rep.Records, rep.First, rep.Last, rep.Bytes, rep.Entries, rep.Publications, rep.Rooms, rep.Values)
	if rep.NotChecked > 0 {
		fmt.Printf("the offsets of %d entries are not checked: they are of rooms beyond the first %d\n", rep.NotChecked, dump.MaxRooms)
	}
	fmt.Printf("tables: %d sanctions, %d keys\n", tables.Sanctions, tables.Keys)
	if err := errors.Join(damagedTables(tables), damagedLog(rep)); err != nil {
		return err
	}
	fmt.Println("ok")
	return nil
}

// Run writes the lines to standard output, and the problems and the totals to standard error.
func (de *dataExportCmd) Run() error {
	if (de.Dir == "") == (de.Admin == "") {
		return &exitError{code: exitUsage, err: errors.New("name a data directory, or the admin port of a server that runs with --admin")}
	}
	if de.Admin != "" {
		return de.live()
	}
	var ex dump.Exported
	var tables dump.ExportedTables
	err := withStored(de.Dir, func(ctx context.Context, engine broker.Engine, log broker.Log) (err error) {
		if ex, err = dump.Export(ctx, log, os.Stdout, func(p dump.Problem) { fmt.Fprintln(os.Stderr, printable(p)) }); err != nil {
			return err
		}
		tables, err = dump.ExportTables(ctx, engine, de.Keys, os.Stdout, func(problem string) { fmt.Fprintln(os.Stderr, result.Printable(problem)) })
		return err
	})
	if used := (*datadir.InUseError)(nil); errors.As(err, &used) {
		return &exitError{code: exitInUse, err: fmt.Errorf("%w; to export while it runs, name its admin port instead: throng data export --admin URL", used)}
	}
	if err != nil {
		return err
	}
	return exported(ex, tables)
}

// live exports by the admin port of a server.
func (de *dataExportCmd) live() error {
	ctx, stop := interruptible()
	defer stop()
	path := "/export"
	if de.Keys {
		path += "?keys"
	}
	response, err := getAdmin(ctx, de.Admin, path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(os.Stdout, response.Body); err != nil {
		return fmt.Errorf("the export is not complete: %w", err)
	}
	var sum dump.Summary
	if err := json.Unmarshal([]byte(response.Trailer.Get(exportTrailer)), &sum); err != nil {
		return fmt.Errorf("the export is not complete: it has no summary (%w)", err)
	}
	for _, problem := range sum.Problems {
		fmt.Fprintln(os.Stderr, result.Printable(problem))
	}
	if sum.Error != "" {
		return fmt.Errorf("the export is not complete: %s", result.Printable(sum.Error))
	}
	return exported(sum.Exported, sum.Tables)
}

// exportTrailer is the trailer with the summary of an export.
const exportTrailer = "Throng-Export"

// exported prints the totals of an export. The error is that something was left out.
func exported(ex dump.Exported, tables dump.ExportedTables) error {
	fmt.Fprintf(os.Stderr, "throng: %d publications, %d of them redacted; %d in cleared histories are left out; %d values\n", ex.Publications, ex.Redacted, ex.Cleared, ex.Values)
	fmt.Fprintf(os.Stderr, "throng: %d sanctions, %d keys\n", tables.Sanctions, tables.Keys)
	if tables.Left > 0 {
		fmt.Fprintf(os.Stderr, "throng: %d keys are left out: without them guests become new users, and browsers have to subscribe to Web Push again; "+
			"--keys writes them, and they are secrets\n", tables.Left)
	}
	if tables.Unreadable > 0 {
		return damagedTables(dump.TablesReport{Unreadable: tables.Unreadable})
	}
	if ex.Damaged+ex.Skipped > 0 {
		return damaged(ex.Damaged, ex.Skipped)
	}
	return nil
}

// damagedTables returns the error for sanctions and keys with problems, which are printed, or nil.
func damagedTables(rep dump.TablesReport) error {
	if rep.OK() {
		return nil
	}
	return &exitError{code: exitDamaged, err: fmt.Errorf("of the sanctions and keys, %d were damaged and are restored from their copy, %d may be lost, "+
		"%d cannot be read: check the disk; set those that are lost again", rep.Restored, rep.Lost, rep.Unreadable)}
}

// damagedLog returns the error for a log with problems, or nil.
func damagedLog(rep dump.Report) error {
	if rep.OK() {
		return nil
	}
	return damaged(rep.Damaged, rep.Gaps)
}

// damaged returns the error for a data directory with problems, which are printed.
func damaged(records, publications int) error {
	return &exitError{code: exitDamaged, err: fmt.Errorf("%d records are damaged or missing, and %d publications do not fit: "+
		"a server skips them and gives their rooms a new epoch; restore a backup, or go on without them", records, publications)}
}

// withStored is withLog for a directory that must have data.
func withStored(dir string, do func(context.Context, broker.Engine, broker.Log) error) error {
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

// withLog calls do with the engine and the log of a data directory, which it locks meanwhile. An interrupt ends ctx.
func withLog(dir string, do func(ctx context.Context, engine broker.Engine, log broker.Log) error) (err error) {
	ctx, stop := interruptible()
	defer stop()
	engine, err := natsbroker.Open(natsbroker.Options{Dir: dir, Log: engineLog()})
	used, foreign := (*datadir.InUseError)(nil), (*datadir.ForeignError)(nil)
	if errors.As(err, &foreign) && foreign.Cluster != "" {
		err = fmt.Errorf("data directory %s is of a node of cluster %q, which throng data does not open: export by the admin port of a node that runs: throng data export --admin URL", foreign.Path, foreign.Cluster)
	}
	if errors.As(err, &used) || foreign != nil {
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
	return do(ctx, engine, log)
}

// withLogs is withLog for a function that also works on several logs.
func withLogs(dir string, do func(ctx context.Context, engine broker.Engine, logs []broker.Log) error) error {
	return withLog(dir, func(ctx context.Context, engine broker.Engine, log broker.Log) error {
		return do(ctx, engine, []broker.Log{log})
	})
}

// engineLog writes the errors of the storage engine to standard error: what it has found damaged.
func engineLog() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
}

// printable returns the text of a problem, which may quote data of clients.
func printable(p dump.Problem) string { return result.Printable(p.String()) }
