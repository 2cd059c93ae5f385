package durability

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// namespaces are a network namespace for each node, with two interfaces: one on a bridge to the other nodes, one to this process, so that a cut
// between the nodes does not cut their clients. A stopped direction loses its packets in the kernel, as a cable does: TCP sends them again. If
// both directions of a node stop, its interface goes down.
type namespaces struct {
	id     int // part of all names and addresses
	nodes  int
	down   map[int]bool      // nodes whose interface is down
	lossy  map[string]string // interfaces that lose what they send, with their namespace
	astray []string          // commands that undo a cut between two nodes
	bridge string
}

// ErrNoNamespaces is the error if this process may not make network namespaces.
var ErrNoNamespaces = errors.New("network namespaces need root and the command ip")

// NewNamespaces returns a network of namespaces.
func NewNamespaces() (Network, error) {
	if _, err := exec.LookPath("ip"); err != nil || os.Geteuid() != 0 {
		return nil, ErrNoNamespaces
	}
	id := os.Getpid() % 250
	return &namespaces{id: id, down: map[int]bool{}, lossy: map[string]string{}, bridge: fmt.Sprint("throng", id)}, nil
}

// tool runs a command of iproute2.
func tool(line string) error {
	args := strings.Fields(line)
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", line, err, out)
	}
	return nil
}

func (ns *namespaces) name(node int) string { return fmt.Sprintf("throng%d-%d", ns.id, node) }

// outer returns the name of the end of an interface of a node in this process's namespace. kind is b, to the bridge, or c, to the clients.
func (ns *namespaces) outer(kind string, node int) string {
	return fmt.Sprintf("th%s%d-%d", kind, ns.id, node)
}

// inner is the end in the namespace of the node of the interface to the bridge.
const inner = "cluster"

// The benchmarking range of RFC 2544 is not in use elsewhere.
func (ns *namespaces) onBridge(node int) string { return fmt.Sprintf("198.18.%d.%d", ns.id, node+1) }
func (ns *namespaces) forClients(node, end int) string {
	return fmt.Sprintf("198.19.%d.%d", ns.id, 4*node+end)
}

func (ns *namespaces) places(nodes int) (all []place, err error) {
	ns.nodes = nodes
	lines := []string{"ip link add " + ns.bridge + " type bridge", "ip link set " + ns.bridge + " up"}
	for i := range nodes {
		name, bridged, clients := ns.name(i), ns.outer("b", i), ns.outer("c", i)
		in := "ip -n " + name + " "
		lines = append(lines,
			"ip netns add "+name,
			fmt.Sprintf("ip link add %s type veth peer name %s netns %s", bridged, inner, name),
			fmt.Sprintf("ip link set %s master %s up", bridged, ns.bridge),
			fmt.Sprintf("%saddr add %s/24 dev %s", in, ns.onBridge(i), inner),
			in+"link set "+inner+" up",
			in+"link set lo up",
			fmt.Sprintf("ip link add %s type veth peer name clients netns %s", clients, name),
			fmt.Sprintf("ip addr add %s/30 dev %s", ns.forClients(i, 1), clients),
			"ip link set "+clients+" up",
			fmt.Sprintf("%saddr add %s/30 dev clients", in, ns.forClients(i, 2)),
			in+"link set clients up",
		)
		at := place{
			prefix: []string{"ip", "netns", "exec", name}, listen: ns.onBridge(i) + ":3100",
			public: ns.forClients(i, 2) + ":3000", admin: ns.forClients(i, 2) + ":3001",
		}
		for other := range nodes {
			at.peers = append(at.peers, ns.onBridge(other)+":3100")
		}
		all = append(all, at)
	}
	for _, line := range lines {
		if err := tool(line); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (ns *namespaces) part(node int, sends, receives bool) error {
	if sends && receives {
		ns.down[node] = true
		return tool("ip link set " + ns.outer("b", node) + " down")
	}
	if sends {
		ns.lossy[inner] = ns.name(node)
		return tool("tc -n " + ns.name(node) + " qdisc replace dev " + inner + " root pfifo limit 0")
	}
	ns.lossy[ns.outer("b", node)] = ""
	return tool("tc qdisc replace dev " + ns.outer("b", node) + " root pfifo limit 0")
}

// cut makes each of the nodes send what is for the other one to a hardware address that nobody has.
func (ns *namespaces) cut(one, other int) (err error) {
	for _, way := range [][2]int{{one, other}, {other, one}} {
		neighbor := fmt.Sprintf("ip -n %s neigh %%s %s dev %s", ns.name(way[0]), ns.onBridge(way[1]), inner)
		err = errors.Join(err, tool(fmt.Sprintf(neighbor, "replace")+" lladdr 02:00:00:00:00:01 nud permanent"))
		ns.astray = append(ns.astray, fmt.Sprintf(neighbor, "del"))
	}
	return err
}

func (ns *namespaces) heal() (err error) {
	for _, line := range ns.astray {
		err = errors.Join(err, tool(line))
	}
	ns.astray = nil
	for node := range ns.down {
		err = errors.Join(err, tool("ip link set "+ns.outer("b", node)+" up"))
	}
	for device, name := range ns.lossy {
		in := "tc "
		if name != "" {
			in = "tc -n " + name + " "
		}
		err = errors.Join(err, tool(in+"qdisc del dev "+device+" root"))
	}
	clear(ns.down)
	clear(ns.lossy)
	return err
}

// close removes what places made. The deletion of a namespace removes its interfaces.
func (ns *namespaces) close() (err error) {
	for i := range ns.nodes {
		err = errors.Join(err, tool("ip link del "+ns.outer("b", i)), tool("ip link del "+ns.outer("c", i)), tool("ip netns del "+ns.name(i)))
	}
	return errors.Join(err, tool("ip link del "+ns.bridge))
}
