package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/result"
)

// fleet is the agents of one run, each in its own process.
type fleet struct {
	members []*member
	events  chan agentEvent
	quit    chan struct{} // closed when no event is needed any more
	reading sync.WaitGroup
}

// member is the coordinator's side of one agent.
type member struct {
	name   string
	stream io.ReadWriteCloser
	link   *agent.Link[agent.Event, agent.Command]
	cmd    *exec.Cmd // nil if another program started the agent
	last   tail      // of its standard error
	off    time.Duration
	ready  agent.Ready
}

// agentEvent is an event of an agent, or the error that ended its link.
type agentEvent struct {
	from  int
	event agent.Event
	err   error
}

const (
	agentStart = 10 * time.Second
	agentStop  = time.Minute // many agents on a busy machine need long to close 20,000 connections each
	pingPongs  = 64          // samples of another host's clock
)

// startAgents starts the agents of this machine, or connects to those on other hosts.
func startAgents(ctx context.Context, cfg *Config) (*fleet, error) {
	f := &fleet{events: make(chan agentEvent), quit: make(chan struct{})}
	n, err := agentsFor(cfg)
	if err != nil {
		return nil, err
	}
	for i := range n {
		m, err := newMember(ctx, cfg, i)
		if err != nil {
			return nil, errors.Join(err, f.stopAgents())
		}
		f.members = append(f.members, m)
	}
	return f, nil
}

// agentsFor returns the number of agents: as few as their open-file limits allow.
func agentsFor(cfg *Config) (int, error) {
	if len(cfg.Remote) > 0 {
		return len(cfg.Remote), nil
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("read the open-file limit: %w", err)
	}
	// Go has raised the soft limit to the hard one. A connection that is leaving, or was killed by silence, keeps its file for a while.
	each := int(min(limit.Max, maxConnections*2)) - reservedFiles
	files := cfg.Connections + int(cfg.Kill*float64(cfg.Connections)) + int(cfg.Churn*float64(cfg.Connections)/60)
	if cfg.Node > 0 {
		files += cfg.Connections/len(cfg.URLs) + 1
	}
	if each < 1 {
		return 0, fmt.Errorf("open-file limit %d: too low for a connection: raise ulimit -n", limit.Max)
	}
	need := (files + each - 1) / each
	switch {
	case cfg.Agents == 0 && need > maxAgents, cfg.Agents > 0 && cfg.Agents < need:
		return 0, fmt.Errorf("open-file limit %d per process: %s need %s, but at most %d: raise ulimit -n, or --agents",
			limit.Max, result.Number(cfg.Connections, "connection"), result.Number(need, "agent"), max(cfg.Agents, maxAgents))
	case cfg.Agents > 0:
		return min(cfg.Agents, cfg.Connections), nil
	}
	return need, nil
}

const maxAgents = 64

func newMember(ctx context.Context, cfg *Config, i int) (*member, error) {
	switch {
	case cfg.here:
		ours, theirs := net.Pipe()
		go func() {
			_ = agent.Serve(context.WithoutCancel(ctx), theirs) // the coordinator has received the error as an event
			_ = theirs.Close()
		}()
		return adopt(fmt.Sprintf("local %d", i), ours), nil
	case len(cfg.Remote) > 0:
		return dialAgent(ctx, cfg.Remote[i], cfg.Token)
	default:
		return spawn(i)
	}
}

func adopt(name string, stream io.ReadWriteCloser) *member {
	return &member{name: name, stream: stream, link: agent.NewLink[agent.Event, agent.Command](stream)}
}

// spawn runs this program again as an agent, connected by a socket pair.
func spawn(i int) (*member, error) {
	fail := func(err error) (*member, error) { return nil, fmt.Errorf("start an agent: %w", err) }
	self, err := os.Executable()
	if err != nil {
		return fail(err)
	}
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return fail(err)
	}
	syscall.CloseOnExec(pair[0])
	syscall.CloseOnExec(pair[1])
	ours, theirs := os.NewFile(uintptr(pair[0]), "agent"), os.NewFile(uintptr(pair[1]), "coordinator")
	defer theirs.Close()
	stream, err := net.FileConn(ours)
	if err = errors.Join(err, ours.Close()); err != nil {
		return fail(err)
	}
	m := adopt(fmt.Sprintf("local %d", i), stream)
	m.cmd = exec.Command(self, "bench", "agent", "--fd", "3")
	m.cmd.ExtraFiles = []*os.File{theirs}
	m.cmd.Stderr = &m.last
	m.cmd.SysProcAttr = childAttributes()
	if err := m.cmd.Start(); err != nil {
		return fail(errors.Join(err, stream.Close()))
	}
	return m, nil
}

// dialAgent connects to an agent on another host and synchronises its clock.
func dialAgent(ctx context.Context, address, token string) (*member, error) {
	fail := func(err error) (*member, error) { return nil, fmt.Errorf("agent %s: %w", address, err) }
	ctx, cancel := context.WithTimeout(ctx, agentStart)
	defer cancel()
	var dialer net.Dialer
	stream, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return fail(err)
	}
	undo := func(err error) (*member, error) { return fail(errors.Join(err, stream.Close())) }
	if err := stream.SetDeadline(time.Now().Add(agentStart)); err != nil {
		return undo(err)
	}
	if _, err := fmt.Fprintf(stream, "%s\n", token); err != nil {
		return undo(err)
	}
	// The response is one short line. The agent sends nothing after it before the first command, so the buffered reader takes no bytes of
	// the link.
	answer, err := bufio.NewReaderSize(io.LimitReader(stream, int64(len(agent.Welcome)+1)), 64).ReadString('\n')
	if os.IsTimeout(err) {
		return undo(fmt.Errorf("no response in %v: it serves another bench, or is not an agent", agentStart))
	}
	if err != nil || answer != agent.Welcome+"\n" {
		return undo(errors.Join(errors.New("token rejected (--token must be the same on both sides)"), err))
	}
	m := adopt(address, stream)
	if err := m.setClock(); err != nil {
		return undo(err)
	}
	return m, stream.SetDeadline(time.Time{})
}

// setClock adjusts the agent's clock to the coordinator's. It takes many samples and uses the fastest one (NTP, RFC 5905, 8). The error is
// at most half of that sample's time.
func (m *member) setClock() error {
	best, shift := int64(1<<62), int64(0)
	for range pingPongs {
		sentAt := agent.Now()
		if err := m.link.Send(agent.Command{Clock: &agent.Clock{}}); err != nil {
			return err
		}
		e, err := m.link.Receive()
		if err != nil {
			return err
		}
		if e.Clock == nil {
			return errors.New("no response to a clock request")
		}
		if took := agent.Now() - sentAt; took < best {
			best, shift = took, sentAt+took/2-e.Clock.Now
		}
	}
	m.off = time.Duration(best / 2)
	if err := m.link.Send(agent.Command{Clock: &agent.Clock{Shift: shift}}); err != nil {
		return err
	}
	_, err := m.link.Receive()
	return err
}

// sendPlan sends each agent its plan and waits until all are ready.
func (f *fleet) sendPlan(ctx context.Context, plan agent.Plan) error {
	plan.Agents = len(f.members)
	for i, m := range f.members {
		p := plan
		p.Agent = i
		if err := m.link.Send(agent.Command{Plan: &p}); err != nil {
			return f.wrapError(i, err)
		}
		f.reading.Go(func() { f.receive(i) })
	}
	for ready := 0; ready < len(f.members); {
		s, err := f.nextEvent(ctx)
		switch {
		case err != nil:
			return err
		case s.event.Ready != nil:
			f.members[s.from].ready = *s.event.Ready
			ready++
		}
	}
	return nil
}

// receive forwards the events of agent i until its link ends.
func (f *fleet) receive(i int) {
	for {
		e, err := f.members[i].link.Receive()
		select {
		case f.events <- agentEvent{from: i, event: e, err: err}:
		case <-f.quit:
			return
		}
		if err != nil {
			return
		}
	}
}

// nextEvent returns the next event of any agent, or an error if an agent failed or its link ended.
func (f *fleet) nextEvent(ctx context.Context) (agentEvent, error) {
	select {
	case s := <-f.events:
		return s, f.eventError(s)
	case <-ctx.Done():
		return agentEvent{}, ctx.Err()
	}
}

// eventError returns the error that an event reports, or nil.
func (f *fleet) eventError(s agentEvent) error {
	switch {
	case s.err != nil:
		return f.wrapError(s.from, s.err)
	case s.event.Failed != "":
		return fmt.Errorf("agent %s: %s", f.members[s.from].name, s.event.Failed)
	}
	return nil
}

// wrapError adds the name of agent i to an error, and the end of its standard error.
func (f *fleet) wrapError(i int, err error) error {
	if errors.Is(err, io.EOF) {
		err = errors.New("its connection ended")
	}
	m := f.members[i]
	if text := m.last.text(); text != "" {
		return fmt.Errorf("agent %s: %w: %s", m.name, err, text)
	}
	return fmt.Errorf("agent %s: %w", m.name, err)
}

// all sends a command to all agents.
func (f *fleet) all(c agent.Command) error {
	for i, m := range f.members {
		if err := m.link.Send(c); err != nil {
			return f.wrapError(i, err)
		}
	}
	return nil
}

// stopAgents waits until the agents have closed their connections and ended. It kills an agent that takes longer than agentStop.
func (f *fleet) stopAgents() error {
	close(f.quit)
	errs := make([]error, len(f.members))
	var stopping sync.WaitGroup
	for i, m := range f.members {
		stopping.Go(func() { errs[i] = m.stop() })
	}
	stopping.Wait()
	f.reading.Wait()
	return errors.Join(errs...)
}

func (m *member) stop() error {
	if m.cmd == nil {
		return m.stream.Close()
	}
	ended := make(chan error, 1)
	go func() { ended <- m.cmd.Wait() }()
	if tcp, ok := m.stream.(interface{ CloseWrite() error }); ok {
		if err := tcp.CloseWrite(); err != nil && !errors.Is(err, net.ErrClosed) {
			return errors.Join(err, m.cmd.Process.Kill(), <-ended)
		}
	}
	var err error
	select {
	case err = <-ended:
	case <-time.After(agentStop):
		err = errors.Join(fmt.Errorf("agent %s, pid %d, did not exit within %v and was killed", m.name, m.cmd.Process.Pid, agentStop), m.cmd.Process.Kill())
		<-ended
	}
	return errors.Join(err, m.stream.Close())
}
