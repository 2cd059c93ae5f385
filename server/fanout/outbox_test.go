package fanout

import "testing"

// A connection costs its own frames and the slices of its outbox, without the slice that is being sent. A ping is inserted after a frame of
// which a part is sent.
func TestTheCostOfAnOutboxAlone(t *testing.T) {
	o := &Outbox{}
	check := func(step string, alone, own, bytes int) {
		t.Helper()
		if o.ownWaiting() != alone || o.Own != own || o.Bytes != bytes {
			t.Errorf("%s: got %d alone, %d in all, of %d bytes; want %d, %d, %d", step, o.ownWaiting(), o.Own, o.Bytes, alone, own, bytes)
		}
	}
	o.Push(make([]byte, 1000), nil)
	check("a frame", 0, SliceCost+1000, 1000)
	o.Push(make([]byte, 100), nil)
	check("another", SliceCost+100, 2*SliceCost+1100, 1100)
	o.Advance(500)
	check("half of the first is sent", SliceCost+100, 2*SliceCost+600, 600)
	o.pushUrgent([]byte("ping"))
	check("a ping", 2*SliceCost+104, 3*SliceCost+604, 604)
	o.Advance(500)
	if got := string(o.Head(nil)); got != "ping" {
		t.Errorf("got %q behind the first frame, want the ping", got)
	}
	o.Advance(4)
	check("the last is being sent", 0, SliceCost+100, 100)
	if o.Advance(100); o.Own != 0 || o.Bytes != 0 || len(o.Slices) != 0 {
		t.Errorf("got %d for %d bytes in %d slices when all is sent", o.Own, o.Bytes, len(o.Slices))
	}
}

// A ping is not inserted between the two parts of a bulk reply.
func TestAPingDoesNotSplitALongReply(t *testing.T) {
	d := &OutstandingReply{Reply: &countedReply{unsent: new(int)}, Written: true}
	for sent, want := range []string{"head body ping more", "ead body ping more"} {
		o := &Outbox{}
		o.PushReply([]byte("head "), d)
		o.PushReply([]byte("body "), d)
		o.Push([]byte("more"), nil)
		o.Advance(sent)
		o.pushUrgent([]byte("ping "))
		got := ""
		for _, s := range o.Slices {
			got += string(s.B)
		}
		if got != want || d.Done {
			t.Errorf("got %q, done %v; want %q", got, d.Done, want)
		}
	}
	o := &Outbox{}
	o.PushReply([]byte("body "), d)
	o.Push([]byte("more"), nil)
	if o.Own != 2*SliceCost+4 || o.unread(0) != 5 {
		t.Errorf("got %d bytes of its own and %d of replies", o.Own, o.unread(0))
	}
	if o.Advance(4); d.Done {
		t.Error("counted as sent before its last byte")
	}
	if o.Advance(1); !d.Done || o.Own != SliceCost+4 {
		t.Errorf("done %v, %d bytes of its own", d.Done, o.Own)
	}
}
