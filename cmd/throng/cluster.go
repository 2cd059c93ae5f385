package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/throng-chat/throng/server/cluster"
)

// exitNotAvailable is the exit code of throng cluster status if the node does not accept publications.
const exitNotAvailable = 4

// clusterStatusTimeout is the time for the answer of a node.
const clusterStatusTimeout = 5 * time.Second

// clusterCmd is the commands for a cluster.
type clusterCmd struct {
	Status clusterStatusCmd `cmd:"" help:"Print what a node knows of its cluster: the nodes, and the owner of each log."`
}

type clusterStatusCmd struct {
	Admin string `default:"http://127.0.0.1:3001" placeholder:"URL" help:"Admin port of a node: http://HOST:PORT, https://HOST:PORT or unix:/PATH."`
	JSON  bool   `name:"json" help:"Print JSON, instead of text."`
}

// Run asks a node and prints its answer.
func (cs *clusterStatusCmd) Run() error {
	ctx, cancel := context.WithTimeout(context.Background(), clusterStatusTimeout)
	defer cancel()
	response, err := getAdmin(ctx, cs.Admin, "/cluster")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("ask the node: %w", err)
	}
	var s cluster.Status
	if err := json.Unmarshal(body, &s); err != nil {
		return fmt.Errorf("%s/cluster: %w", cs.Admin, err)
	}
	if cs.JSON {
		_, err = os.Stdout.Write(body)
	} else {
		err = printCluster(os.Stdout, &s)
	}
	if err == nil && s.Why != "" {
		return &exitError{code: exitNotAvailable, err: errors.New(s.Why)}
	}
	return err
}

// printCluster prints tables of the nodes and of the logs.
func printCluster(to io.Writer, s *cluster.Status) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	if s.Size > 0 {
		fmt.Fprintf(w, "node %s reaches %d of %d nodes\n\n", s.Node, len(s.Nodes), s.Size)
	} else {
		fmt.Fprintf(w, "node %s reaches %d nodes\n\n", s.Node, len(s.Nodes))
	}
	fmt.Fprintln(w, "NODE\tREADY\tCLIENTS\tVERSION")
	for _, n := range s.Nodes {
		fmt.Fprintf(w, "%s\t%t\t%d\t%s\n", n.Name, n.Ready, n.Clients, n.Version)
	}
	if len(s.Links) > 0 {
		fmt.Fprintln(w, "\nLINK FROM\tSTATE\tSILENT\tRECEIVED\tGAPS\tRESYNCS")
	}
	for _, l := range s.Links {
		state := "up"
		if !l.Up {
			state = "down"
		}
		fmt.Fprintf(w, "%s\t%s\t%.1f s\t%d B\t%d\t%d\n", l.Peer, state, l.Silent, l.Bytes, l.Gaps, l.Resyncs)
	}
	fmt.Fprintln(w, "\nLOG\tOWNER\tTERM\tHERE\tRECORDS\tLACKS\tBYTES\tWAITING\tRESENT\tGAPS\tCHANGES")
	for _, l := range s.Logs {
		owner := l.Owner
		if owner == "" {
			owner = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", l.Name, owner, l.Term, l.State, l.Applied, l.Lag, l.Bytes, l.Waiting, l.Resent, l.Gaps, l.Changes)
	}
	for _, l := range s.Logs {
		printReplicas(w, &l)
	}
	for i, missing := range s.Missing {
		if i == 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, "missing:", missing)
	}
	for i, fault := range s.Faults {
		if i == 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, "fault:", fault)
	}
	return w.Flush()
}

// printReplicas prints a table of the replicas of a log, if it has replicas.
func printReplicas(w io.Writer, l *cluster.LogStatus) {
	if l.Unknown {
		fmt.Fprintf(w, "\nREPLICAS OF %s\tnot known yet\n", l.Name)
	}
	if len(l.Replicas) > 0 {
		fmt.Fprintf(w, "\nREPLICAS OF %s\tSTATE\tENTRIES BEHIND\n", l.Name)
	}
	for _, r := range l.Replicas {
		name, behind := r.Name, fmt.Sprint(r.Lag)
		if r.Leader {
			name += " (leader)"
		}
		if r.State == "silent" {
			behind = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", name, r.String(), behind)
	}
}
