package record

import (
	"errors"
	"reflect"
	"testing"
)

func TestAPublisherReadsBackAsWritten(t *testing.T) {
	t.Parallel()
	for _, want := range []Publisher{
		{ConnInfo: []byte{}, ChanInfo: []byte{}},
		{User: "ann", Client: "c1", ConnInfo: []byte(`{"name":"Ann"}`), ChanInfo: []byte("[]")},
	} {
		b := want.Append(nil)
		if got, err := ParsePublisher(b); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
		for n := range b {
			if got, err := ParsePublisher(b[:n]); !errors.Is(err, ErrMalformed) {
				t.Errorf("%d of %d bytes: got %+v, %v", n, len(b), got, err)
			}
		}
		if _, err := ParsePublisher(append(b, 0)); !errors.Is(err, ErrMalformed) {
			t.Errorf("a byte too many: got %v", err)
		}
	}
}

// Epochs are stored by clients: a change makes each of them lose its position.
func TestAnEpochIsAFunctionOfLogAndGeneration(t *testing.T) {
	t.Parallel()
	if got, want := Epoch("log", 1), uint64(0x7391a8e3737bee43); got != want {
		t.Errorf("got %#x, want %#x", got, want)
	}
	if Epoch("log", 1) == Epoch("log", 2) || Epoch("log", 1) == Epoch("gol", 1) {
		t.Error("other logs and generations have the same epoch")
	}
}
