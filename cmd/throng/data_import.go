package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/throng-chat/throng/server"
	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/natsbroker"
	"github.com/throng-chat/throng/server/dump"
	"github.com/throng-chat/throng/server/importing"
)

// dataImportCmd stores lines of throng data export, or what the converters of package importing make of an export of another server.
type dataImportCmd struct {
	Dir         string            `arg:"" help:"Data directory of a server that does not run. It is created if it does not exist."`
	Export      string            `arg:"" optional:"" help:"The export: a file, of Slack a ZIP archive or a directory. Without it, standard input is read."`
	Cluster     string            `placeholder:"NAME" help:"Make the data of a new cluster with this name: DIR gets a data directory for each of --nodes."`
	Nodes       []string          `placeholder:"A,B,C" help:"Names of the nodes of the new cluster: three or more."`
	ClusterLogs *int              `name:"cluster-logs" placeholder:"N" help:"Number of logs of durable rooms of the new cluster, 1 to 64; the default is that of throng serve --cluster-logs."`
	From        string            `enum:"throng,mattermost,slack" default:"throng" help:"Source of the export: throng, mattermost or slack."`
	Public      string            `default:"chat:" help:"Beginning of the names of rooms that were public channels."`
	Private     string            `default:"private:" help:"Beginning of the names of rooms that were private channels, or groups of three or more users."`
	Direct      string            `default:"dialog" help:"Beginning of the names of direct rooms: # and the users follow."`
	Users       importing.UserKey `enum:"name,id,email" default:"name" help:"Field of a user that becomes the user ID: name, id (Slack) or email."`
}

// Run stores the lines and prints the totals.
func (di *dataImportCmd) Run() error {
	open := withLogs
	if di.Cluster != "" || len(di.Nodes) > 0 || di.ClusterLogs != nil {
		if err := di.checkNodes(); err != nil {
			return &exitError{code: exitUsage, err: err}
		}
		open = func(dir string, do func(context.Context, broker.Engine, []broker.Log) error) error {
			count := server.DefaultConfig().ClusterLogs
			if di.ClusterLogs != nil {
				count = *di.ClusterLogs
			}
			return withNewCluster(dir, di.Cluster, di.Nodes, count, do)
		}
	}
	ctx, stop := interruptible()
	defer stop()
	in, done, err := di.lines(ctx)
	if err != nil {
		return err
	}
	defer done()
	var im dump.Imported
	if err := open(di.Dir, func(ctx context.Context, engine broker.Engine, logs []broker.Log) (err error) {
		im, err = dump.Import(ctx, logs, engine, server.CheckStoredKey, in)
		return err
	}); err != nil {
		return err
	}
	fmt.Printf("%s: stored %d lines, %d publications of %d rooms, %d values\n", di.Dir, im.Lines, im.Publications, im.Rooms, im.Values)
	if im.Sanctions+im.Keys+im.Ended > 0 {
		fmt.Printf("stored %d sanctions and %d keys; %d sanctions have ended\n", im.Sanctions, im.Keys, im.Ended)
	}
	if im.Untimed > 0 {
		fmt.Printf("%d publications have no time and count as of 1970: a history-ttl removes them at the next start\n", im.Untimed)
	}
	if im.Gaps > 0 {
		fmt.Printf("the lines have %d gaps in the offsets of rooms: the histories of these rooms begin after the last one\n", im.Gaps)
	}
	return nil
}

// checkNodes checks the names of a new cluster and its nodes.
func (di *dataImportCmd) checkNodes() error {
	switch {
	case di.Cluster == "" && len(di.Nodes) == 0:
		return fmt.Errorf("cluster-logs %d: is for a new cluster, with --cluster and --nodes: a single server has one log", *di.ClusterLogs)
	case broker.CheckKey(di.Cluster) != nil:
		return fmt.Errorf("cluster %q: must be 1 to 64 of a-z, A-Z, 0-9, '-', '_'", di.Cluster)
	case len(di.Nodes) < natsbroker.MinPeers:
		return fmt.Errorf("nodes %q: must be all nodes of the cluster, at least %d", strings.Join(di.Nodes, ","), natsbroker.MinPeers)
	}
	if n := di.ClusterLogs; n != nil && (*n < 1 || *n > broker.MaxLogs) {
		return fmt.Errorf("cluster-logs %d: must be 1 to %d", *n, broker.MaxLogs)
	}
	for i, node := range di.Nodes {
		if broker.CheckKey(node) != nil || slices.Contains(di.Nodes[:i], node) {
			return fmt.Errorf("nodes %q: must be different names of a-z, A-Z, 0-9, '-', '_'", strings.Join(di.Nodes, ","))
		}
	}
	return nil
}

// lines returns a file with the lines to store. Call done at the end.
func (di *dataImportCmd) lines(ctx context.Context) (file *os.File, done func(), err error) {
	if di.From == "throng" {
		in, err := di.input()
		if err != nil {
			return nil, nil, err
		}
		return seekable(in)
	}
	file, err = temporary()
	if err != nil {
		return nil, nil, err
	}
	report, err := di.convert(ctx, file)
	if err != nil {
		file.Close()
		return nil, nil, fmt.Errorf("%s export: %w; nothing is stored", di.From, err)
	}
	fmt.Print(report.String())
	return file, func() { file.Close() }, nil
}

// convert writes the lines of an export of another server.
func (di *dataImportCmd) convert(ctx context.Context, file io.Writer) (report importing.Report, err error) {
	options := importing.Options{Public: di.Public, Private: di.Private, Direct: di.Direct, Users: di.Users}
	out := bufio.NewWriterSize(file, 1<<16)
	switch {
	case di.From == "slack":
		report, err = slackLines(ctx, di.Export, options, out)
	case strings.EqualFold(filepath.Ext(di.Export), ".zip"):
		report, err = mattermostArchive(ctx, di.Export, options, out)
	default:
		var in *os.File
		if in, err = di.input(); err == nil {
			report, err = importing.Mattermost(ctx, in, options, out)
		}
	}
	return report, errors.Join(err, out.Flush())
}

// slackLines converts an archive or a directory of Slack.
func slackLines(ctx context.Context, name string, options importing.Options, out io.Writer) (importing.Report, error) {
	if name == "" {
		return importing.Report{}, &exitError{code: exitUsage, err: errors.New("name the ZIP archive or the directory of the export: throng data import --from slack DIR EXPORT")}
	}
	export, err := openExport(name)
	if err != nil {
		return importing.Report{}, err
	}
	defer export.Close()
	return importing.Slack(ctx, export, options, out)
}

// mattermostArchive converts the JSON lines in a ZIP archive.
func mattermostArchive(ctx context.Context, name string, options importing.Options, out io.Writer) (importing.Report, error) {
	export, err := openExport(name)
	if err != nil {
		return importing.Report{}, err
	}
	defer export.Close()
	in, err := export.JSONLines()
	if err != nil {
		return importing.Report{}, err
	}
	defer in.Close()
	return importing.Mattermost(ctx, in, options, out)
}

// openExport opens an archive or a directory. One that does not exist is a wrong argument.
func openExport(name string) (*importing.Archive, error) {
	export, err := importing.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &exitError{code: exitUsage, err: err}
	}
	return export, err
}

// input returns the file of the export, or standard input.
func (di *dataImportCmd) input() (*os.File, error) {
	if di.Export == "" {
		return os.Stdin, nil
	}
	file, err := os.Open(di.Export)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &exitError{code: exitUsage, err: err}
	}
	return file, err
}

// seekable returns a file with the content of in: in itself, or a temporary file if in is a pipe. Call done at the end.
func seekable(in *os.File) (file *os.File, done func(), err error) {
	if _, err := in.Seek(0, io.SeekCurrent); err == nil {
		return in, func() {}, nil
	}
	file, err = temporary()
	if err != nil {
		return nil, nil, err
	}
	done = func() { file.Close() }
	if _, err := io.Copy(file, in); err != nil {
		done()
		return nil, nil, fmt.Errorf("store the lines of standard input: %w: set TMPDIR to a directory with more space, or redirect standard input from a file", err)
	}
	return file, done, nil
}

// temporary returns a temporary file without a name: it ends with its descriptor.
func temporary() (*os.File, error) {
	file, err := os.CreateTemp("", "throng-import-")
	if err != nil {
		return nil, fmt.Errorf("store the lines: %w: set TMPDIR, or redirect standard input from a file", err)
	}
	if err := os.Remove(filepath.Clean(file.Name())); err != nil {
		file.Close()
		return nil, fmt.Errorf("store the lines: %w", err)
	}
	return file, nil
}
