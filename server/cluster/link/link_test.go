package link

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/record"
)

// harness is a sender and the owners of a log, with a network that loses messages.
type harness struct {
	t        *testing.T
	random   *rand.Rand
	sender   *Queue
	receiver *Receiver
	term     uint64
	seq      uint64
	log      []uint64          // numbers of requests, in the order of the log
	late     []func()          // records that the node has not applied, in order
	answered map[uint64]string // what Done was called with
}

func newHarness(t *testing.T, seed uint64) *harness {
	return &harness{
		t: t, random: rand.New(rand.NewPCG(seed, 1)), sender: &Queue{Edge: Edge("a"), Wake: func() {}}, receiver: NewReceiver(), term: 1,
		answered: map[uint64]string{},
	}
}

// add adds request n. Odd ones are rejected by the owner.
func (ha *harness) add(n uint64, size int) {
	err := ha.sender.Add(&Request{
		Entries: []record.Entry{{Kind: record.Publish, Room: "r", Data: []byte(strings.Repeat("x", size))}}, Size: size,
		Done: func(a Answer, unavailable bool) {
			if before, twice := ha.answered[n]; twice {
				ha.t.Errorf("request %d: Done is called twice, first with %q", n, before)
			}
			ha.answered[n] = fmt.Sprint(a.Offset, a.Rejected, a.Detail, unavailable)
		},
	})
	if err != nil {
		ha.t.Fatal(err)
	}
}

// deliver passes a message to the owner, which stores the even requests and rejects the others.
func (ha *harness) deliver(b []byte, lose float64) {
	head, entries, err := record.Open(b)
	if err != nil {
		ha.t.Fatal(err)
	}
	if head.Term != ha.term || ha.random.Float64() < lose {
		return
	}
	var results []Result
	for {
		var e record.Entry
		more, err := entries.Next(&e)
		if err != nil {
			ha.t.Fatal(err)
		}
		if !more {
			break
		}
		accepted, again := ha.receiver.Accept(Origin{e.Edge, e.EdgeNumber}, head.Term, head.Expected)
		switch {
		case again != nil:
			ha.sender.Answered(*again)
		case !accepted || e.Kind == record.Fence:
		case e.EdgeNumber%2 == 0:
			ha.log = append(ha.log, e.EdgeNumber)
			results = append(results, Result{Number: e.EdgeNumber, Offset: uint64(len(ha.log))})
		default:
			a := Answer{Number: e.EdgeNumber, Applied: ha.seq, Rejected: true, Detail: "odd"}
			ha.receiver.Keep(e.Edge, head.Term, a)
			if ha.random.Float64() >= lose {
				ha.sender.Answered(a)
			}
		}
	}
	ha.seq++
	seq := ha.seq
	ha.late = append(ha.late, func() { ha.sender.Applied(seq, results) })
}

// apply applies the oldest n records that the node has not applied.
func (ha *harness) apply(n int) {
	for ; n > 0 && len(ha.late) > 0; n-- {
		ha.late[0]()
		ha.late = ha.late[1:]
	}
}

// Each request is stored once, or rejected, in the order of the numbers, over losses and changes of the owner.
func TestRequestsAreDoneOnceInOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		ha := newHarness(t, seed)
		const requests = 200
		added := uint64(0)
		for step := 0; len(ha.answered) < requests; step++ {
			if step > 100_000 {
				t.Fatalf("seed %d: %d of %d requests have no end", seed, requests-len(ha.answered), requests)
			}
			switch n := ha.random.IntN(20); {
			case n < 8 && added < requests:
				added++
				ha.add(added, 1+ha.random.IntN(50_000))
			case n < 16:
				if b := ha.sender.Next(ha.term); b != nil {
					ha.deliver(b, 0.2)
				}
			case n < 17:
				ha.sender.Restart()
			case n < 19:
				ha.apply(1)
			default: // another owner: what is in the log is applied before it gets requests
				ha.apply(len(ha.late))
				ha.term++
				ha.receiver = NewReceiver()
				ha.sender.Restart()
			}
		}
		for i, number := range ha.log {
			if want := uint64(2 * (i + 1)); number != want {
				t.Fatalf("seed %d: entry %d of the log is request %d, want %d", seed, i, number, want)
			}
			if got, want := ha.answered[number], fmt.Sprint(i+1, false, "", false); got != want {
				t.Errorf("seed %d: request %d ended with %q, want %q", seed, number, got, want)
			}
		}
		if len(ha.log) != requests/2 {
			t.Errorf("seed %d: the log has %d requests, want %d", seed, len(ha.log), requests/2)
		}
	}
}

// An answer counts when the records that the owner had applied are applied here.
func TestAnAnswerWaitsForItsRecord(t *testing.T) {
	t.Parallel()
	ha := newHarness(t, 1)
	ha.add(1, 10)
	ha.sender.Answered(Answer{Number: 1, Applied: 7})
	ha.sender.Applied(6, nil)
	if len(ha.answered) != 0 {
		t.Fatal("the request has ended before record 7 was applied")
	}
	ha.sender.Applied(7, nil)
	if len(ha.answered) != 1 {
		t.Fatal("the request has not ended with record 7")
	}
}

// What waits is bounded by its bytes and by its time, and nothing waits without a majority.
func TestWaitingRequestsAreBounded(t *testing.T) {
	t.Parallel()
	ha := newHarness(t, 1)
	half := MaxWaiting / 2
	ha.add(1, 100)
	ha.sender.queue[0].Size, ha.sender.bytes = half, half
	full := &Request{Size: half + 1, Added: time.Second, Done: func(Answer, bool) {}}
	if err := ha.sender.Add(full); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v for more than %d bytes, want ErrBusy", err, MaxWaiting)
	}
	if n := ha.sender.Expire(time.Millisecond); n != 1 || ha.answered[1] != "0false true" && ha.answered[1] != fmt.Sprint(0, false, "", true) {
		t.Errorf("%d requests have expired, with %q; want 1 that is unavailable", n, ha.answered[1])
	}
	if err := ha.sender.Add(full); err != nil {
		t.Errorf("got %v after the first request has ended", err)
	}
	ha.sender.Refuse(true)
	if err := ha.sender.Add(full); !errors.Is(err, ErrNoMajority) {
		t.Errorf("got %v without a majority, want ErrNoMajority", err)
	}
}

// A request that has expired keeps its number, so that those behind it are done.
func TestRequestsBehindAnExpiredOneAreDone(t *testing.T) {
	t.Parallel()
	ha := newHarness(t, 1)
	ha.add(1, 10)
	ha.add(2, 10)
	ha.sender.queue[1].Added = time.Second
	ha.deliver(ha.sender.Next(9), 0) // of an owner that is gone
	ha.sender.Expire(time.Millisecond)
	ha.sender.Restart()
	ha.deliver(ha.sender.Next(ha.term), 0)
	ha.apply(1)
	if len(ha.log) != 1 || ha.log[0] != 2 {
		t.Errorf("the log has %v, want request 2", ha.log)
	}
}

// A request that was given up before the owner had it does not hold up those behind it.
func TestARequestThatWasNeverSentIsSkipped(t *testing.T) {
	t.Parallel()
	ha := newHarness(t, 1)
	ha.add(1, 10)
	ha.deliver(ha.sender.Next(ha.term), 0)
	ha.apply(1)
	ha.add(2, 10)
	ha.add(3, 10)
	ha.sender.Next(ha.term) // lost
	ha.sender.Expire(time.Hour)
	ha.add(4, 10)
	ha.deliver(ha.sender.Next(ha.term), 0)
	ha.apply(1)
	if n, _ := ha.sender.Waiting(); n != 0 {
		t.Errorf("%d requests wait, want none", n)
	}
}

// A new owner does the requests that wait before it adds anything else.
func TestANewOwnerDoesWhatWaitsFirst(t *testing.T) {
	t.Parallel()
	ha := newHarness(t, 1)
	if !ha.sender.Idle(2) {
		t.Error("it is not idle without requests")
	}
	ha.add(1, 10)
	ha.add(2, 10)
	ha.sender.Next(1) // to another owner, who is gone
	if ha.sender.Idle(2) {
		t.Error("it is idle before it has done the requests")
	}
	ha.sender.Restart()
	ha.sender.Next(2)
	ha.sender.Served(2)
	if !ha.sender.Idle(2) || ha.sender.Idle(3) {
		t.Error("want it idle in the term in which it has done the requests")
	}
	ha.add(3, 10)
	if ha.sender.Idle(2) {
		t.Error("it is idle before it has done the newest request")
	}
}

func FuzzNextAnswer(f *testing.F) {
	f.Add(AppendAnswer(nil, &Answer{Number: 1, Applied: 2, Rejected: true, Cause: 3, Detail: "why", Offset: 4, Epoch: "e"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, rest, err := NextAnswer(b)
		if err != nil {
			return
		}
		again, _, err := NextAnswer(AppendAnswer(nil, &a))
		if err != nil || again != a || len(rest) >= len(b) {
			t.Errorf("got %+v, %v; want %+v", again, err, a)
		}
	})
}

// Each repetition of a request counts, but not its first message, nor a request that is done.
func TestRepeatedRequestsAreCounted(t *testing.T) {
	t.Parallel()
	ha := newHarness(t, 1)
	ha.add(1, 10)
	ha.add(2, 10)
	ha.sender.Restart()
	ha.sender.Next(1)
	ha.sender.Answered(Answer{Number: 2})
	ha.sender.Restart()
	ha.sender.Restart() // nothing was sent in between
	ha.sender.Next(1)
	ha.sender.Restart()
	if got := ha.sender.Resent(); got != 2 {
		t.Errorf("got %d repetitions, want 2 of the first request", got)
	}
}

// An owner has rejected a request and stored the next one. Its answer is lost, and it dies. The next owner must not store the first one behind the other.
func TestANewOwnerDoesNotStoreWhatTheLogHasPassed(t *testing.T) {
	t.Parallel()
	ha := newHarness(t, 1)
	ha.add(1, 10)
	ha.add(2, 10)
	ha.add(3, 10)
	ha.sender.Next(1)
	ha.sender.Applied(1, []Result{{Number: 2, Offset: 1}})
	ha.sender.Restart()
	ha.sender.Next(1)
	if _, ended := ha.answered[1]; ended {
		t.Error("a request has ended while its owner may still answer")
	}
	ha.sender.Restart()
	_, entries, err := record.Open(ha.sender.Next(2))
	if err != nil {
		t.Fatal(err)
	}
	var numbers []uint64
	for e := (record.Entry{}); ; {
		more, err := entries.Next(&e)
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			break
		}
		numbers = append(numbers, e.EdgeNumber)
	}
	if want := fmt.Sprint(0, false, "", true); ha.answered[1] != want || fmt.Sprint(numbers) != "[3]" {
		t.Errorf("request 1 ended with %q, and the next owner gets the requests %v; want %q and [3]", ha.answered[1], numbers, want)
	}
}

// A node that leaves still sends requests, and the owner has said before what becomes of them.
func TestRequestsOfALeavingNodeAreNotDoneAgain(t *testing.T) {
	t.Parallel()
	rc := NewReceiver()
	for number := uint64(1); number <= 2; number++ {
		if accepted, _ := rc.Accept(Origin{7, number}, 1, 1); !accepted {
			t.Fatalf("request %d is not accepted", number)
		}
	}
	rc.Keep(7, 1, Answer{Number: 1, Rejected: true})
	rc.Forget(7)
	if accepted, again := rc.Accept(Origin{7, 1}, 1, 1); accepted || again != nil {
		t.Errorf("request 1 again: accepted %v, answer %v; want neither", accepted, again)
	}
	if accepted, _ := rc.Accept(Origin{7, 3}, 1, 1); !accepted {
		t.Error("the next request is not accepted")
	}
}
