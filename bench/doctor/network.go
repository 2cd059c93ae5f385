package doctor

import (
	"fmt"
	"strconv"
	"strings"
)

// enoughQueue is an accept queue for the connections that arrive while a server is busy for a tenth of a second.
const enoughQueue = 4096

func ports(m *Machine, n uint64) (Check, []setting) {
	const file = "proc/sys/net/ipv4/ip_local_port_range"
	ends := m.numbers(file)
	if len(ends) != 2 || ends[0] > ends[1] || ends[1] > 65_535 {
		return lost("source ports of an address", file)
	}
	free := ends[1] - ends[0] + 1
	if text, ok := m.text("proc/sys/net/ipv4/ip_local_reserved_ports"); ok {
		free -= min(free, taken(text, ends[0], ends[1]))
	}
	c := Check{Name: "source ports of an address", Grade: OK, Have: thousands(free), Want: thousands(n)}
	if free >= n {
		return c, nil
	}
	c.Grade = Warn
	need := uint64(0)
	if free > 0 {
		need = (n + free - 1) / free
	}
	c.Why = fmt.Sprintf("one source address can open %s connections to one address and port; on the loopback interface, throng bench uses several addresses", thousands(free))
	if need > 1 {
		c.Fix = []string{fmt.Sprintf("hold the connections on %d hosts or more: throng bench agent --listen on each, and --remote here", need)}
	}
	if free < 60_000 {
		return c, []setting{{path: "net/ipv4/ip_local_port_range", value: "1024 65535"}}
	}
	return c, nil
}

// taken counts the ports from low to high in a list such as 8080,9000-9010.
func taken(list string, low, high uint64) (n uint64) {
	for _, part := range strings.Split(list, ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
		from, err := strconv.ParseUint(first, 10, 16)
		to := from
		if err == nil && isRange {
			to, err = strconv.ParseUint(last, 10, 16)
		}
		if from, to := max(from, low), min(to, high); err == nil && from <= to {
			n += to - from + 1
		}
	}
	return n
}

func acceptQueue(m *Machine, n uint64) (Check, []setting) {
	return queue{
		name: "accept queue", path: "net/core/somaxconn",
		why: "when all clients reconnect at the same time, those that find the queue full retry after a second or more",
	}.check(m, n)
}

func halfOpen(m *Machine, n uint64) (Check, []setting) {
	return queue{
		name: "half-open connections", path: "net/ipv4/tcp_max_syn_backlog", why: "above this number, the kernel uses SYN cookies or drops the connection",
	}.check(m, n)
}

// queue is a queue of the kernel with a setting for its length. why is the effect of a short queue.
type queue struct{ name, path, why string }

func (q queue) check(m *Machine, n uint64) (Check, []setting) {
	have, ok := m.number("proc/sys/" + q.path)
	if !ok {
		return lost(q.name, "proc/sys/"+q.path)
	}
	want := min(n, enoughQueue)
	c := Check{Name: q.name, Grade: OK, Have: thousands(have), Want: thousands(want)}
	if have >= want {
		return c, nil
	}
	c.Grade, c.Why = Warn, q.why
	return c, []setting{{path: q.path, value: fmt.Sprint(enoughQueue)}}
}

// socketBuffers requires two pages per connection, one in each direction, for messages to all connections at once.
func socketBuffers(m *Machine, n uint64) (Check, []setting) {
	const file, page = "proc/sys/net/ipv4/tcp_mem", 4096
	limits := m.numbers(file) // in pages: low, pressure, maximum
	if len(limits) != 3 {
		return lost("TCP memory", file)
	}
	want := 2 * n
	c := Check{Name: "TCP memory", Grade: OK, Have: amount(limits[2] * page), Want: amount(want * page)}
	if limits[2] >= want {
		return c, nil
	}
	c.Grade, c.Why = Warn, "under load, the kernel drops segments of all connections"
	return c, []setting{{path: "net/ipv4/tcp_mem", value: fmt.Sprintf("%d %d %d", want/2, want*3/4, want)}}
}

// tracked checks the firewall's connection table, if there is one.
func tracked(m *Machine, n uint64) (Check, []setting) {
	const path = "net/netfilter/nf_conntrack_max"
	most, ok1 := m.number("proc/sys/" + path)
	now, ok2 := m.number("proc/sys/net/netfilter/nf_conntrack_count")
	if !ok1 || !ok2 {
		return Check{}, nil
	}
	want := now + n
	c := Check{Name: "connections tracked by the firewall", Grade: OK, Have: thousands(most), Want: thousands(want)}
	if most >= want {
		return c, nil
	}
	c.Grade, c.Why = Stop, "when its table is full, the kernel drops new connections"
	return c, []setting{{path: path, value: fmt.Sprint(want + want/4)}}
}
