package agent

import "context"

// ramp is the schedule by which connections open: connection i is due at began + (i-first)/perS. It does not depend on the progress of
// earlier connections. With perS 0 there is no schedule.
type ramp struct {
	began int64 // nanoseconds of the clock Now
	first int   // number of the first connection
	perS  int   // connections a second, of all agents
}

// due returns the scheduled time of connection i, or 0 without a schedule.
func (rp ramp) due(i int) int64 {
	if rp.perS == 0 {
		return 0
	}
	n, perS := uint64(i-rp.first), uint64(rp.perS)
	return rp.began + int64(n/perS*1e9+n%perS*1e9/perS)
}

// dialJob is one connection to open.
type dialJob struct {
	number int
	due    int64 // scheduled time; 0 without a schedule
}

// jobs returns the channel from which the workers of open receive the connections, none before it is due. The channel closes after the
// last connection, when further attempts are pointless, or when ctx ends. While all workers are busy, the due connections wait.
func (d *dialer) jobs(ctx context.Context, rp ramp) <-chan dialJob {
	out := make(chan dialJob)
	go func() {
		defer close(out)
		for {
			i, ok := d.take(ctx)
			if !ok {
				return
			}
			job := dialJob{number: i, due: rp.due(i)}
			for now := Now(); now < job.due && ctx.Err() == nil; now = Now() {
				sleepUntil(min(job.due, now+longestSleep))
			}
			select {
			case out <- job:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}
