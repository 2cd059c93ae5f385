package member

import (
	"testing"
	"time"
)

// A second process with the name of a live node does not replace that node. Twins returns both runs. When one of the two has ended, Twins returns none.
func TestASecondProcessWithANameIsATwin(t *testing.T) {
	t.Parallel()
	table := New("a", 3, 0)
	hear := func(id string, now time.Duration) (ended string, ignored bool) {
		return table.Hear(Heartbeat{Name: "b", ID: id, Ready: id == "b-1", Owns: map[int]Claim{0: {Term: 1}}}, now)
	}
	now := time.Duration(start)
	for range 10 {
		now += Interval
		if ended, ignored := hear("b-1", now); ended != "" || ignored {
			t.Fatalf("the first run: got ended %q and ignored %t", ended, ignored)
		}
		if ended, ignored := hear("b-2", now+Interval/2); ended != "" || !ignored {
			t.Fatalf("the second run: got ended %q and ignored %t, want it to be ignored", ended, ignored)
		}
		want := 1
		if now-start < TwinAfter+3*Interval/2 {
			want = 0
		}
		if twins := table.Twins(now + Interval/2); len(twins) != want || want > 0 && twins[0] != (Twin{"b", "b-1", "b-2"}) {
			t.Errorf("after %v: got the twins %v, want %d", now-start, twins, want)
		}
	}
	if m := table.Members(); len(m) != 1 || m[0].ID != "b-1" {
		t.Errorf("got the members %v, want the first run", m)
	}
	if ended, ignored := table.Hear(Heartbeat{Name: "b", ID: "b-2", Leaving: true}, now); ended != "" || !ignored || len(table.Members()) != 1 {
		t.Errorf("the second run leaves: got ended %q and ignored %t, %d members; want the first one to stay", ended, ignored, len(table.Members()))
	}
	if twins := table.Twins(now); len(twins) != 0 {
		t.Errorf("got the twins %v, want none after one has left", twins)
	}
	hear("b-2", now)
	if twins := table.Twins(now + SuspectAfter); len(twins) != 0 {
		t.Errorf("got the twins %v of a run that is silent, want none", twins)
	}
	if ended, ignored := hear("b-3", now+replaceAfter); ended != "b-1" || ignored {
		t.Errorf("a run after the end of the first one: got ended %q and ignored %t, want b-1 to be ended", ended, ignored)
	}
}

// A node that was killed and has started again at once replaces its run before within replaceAfter, and is no twin, also if a message of that run is late.
func TestANodeThatStartsAgainAtOnceIsNoTwin(t *testing.T) {
	t.Parallel()
	table := New("a", 3, 0)
	table.Hear(Heartbeat{Name: "b", ID: "b-1"}, start)
	killed := time.Duration(start)
	for now := killed + 100*time.Millisecond; now < killed+5*time.Second; now += Interval {
		ended, ignored := table.Hear(Heartbeat{Name: "b", ID: "b-2"}, now)
		if late := now - killed; ignored && late >= replaceAfter || ended != "" && late < replaceAfter {
			t.Errorf("%v after the last heartbeat of the run before: got ended %q and ignored %t", late, ended, ignored)
		}
		if now == killed+100*time.Millisecond {
			table.Hear(Heartbeat{Name: "b", ID: "b-1"}, now)
			killed = now
		}
		if twins := table.Twins(now); len(twins) != 0 {
			t.Errorf("%v after the kill: got the twins %v, want none", now-start, twins)
		}
	}
	if m := table.Members(); len(m) != 1 || m[0].ID != "b-2" {
		t.Errorf("got the members %v, want the second run", m)
	}
}

// A node that is killed twice within a second has a run whose few heartbeats were ignored. It has ended, so it is no twin of the third run. Nor is a run of
// which a single message arrives late.
func TestARunThatHasEndedIsNoTwin(t *testing.T) {
	t.Parallel()
	table := New("a", 3, 0)
	hear := func(id string, now time.Duration) (ended string, ignored bool) {
		return table.Hear(Heartbeat{Name: "b", ID: id}, now)
	}
	now := time.Duration(start)
	hear("b-1", now)
	if _, ignored := hear("b-2", now+Interval); !ignored {
		t.Fatal("the second run: got a member, want it to be ignored")
	}
	for range 10 {
		now += Interval
		if now < start+replaceAfter {
			continue
		}
		if _, ignored := hear("b-3", now); ignored {
			t.Fatalf("the third run, %v after the first one: got ignored", now-start)
		}
		if twins := table.Twins(now); len(twins) != 0 {
			t.Errorf("%v after the first run: got the twins %v, want none", now-start, twins)
		}
	}
	hear("b-1", now) // late
	for range 5 {
		now += Interval
		hear("b-3", now)
		if twins := table.Twins(now); len(twins) != 0 {
			t.Errorf("a late message: got the twins %v, want none", twins)
		}
	}
}
