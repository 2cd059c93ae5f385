package limiter

import "testing"

func TestABudgetKeepsRoomForSmallReservations(t *testing.T) {
	b := Budget{Share: 4}
	b.SetMax(1000)
	large := 0
	for b.Reserve(100) {
		large++
	}
	if large != 7 { // 300 are free: a quarter is less than 100
		t.Errorf("got %d large reservations, want 7", large)
	}
	if !b.Reserve(10) || b.Reserve(0x7FFFFFFF) {
		t.Error("a small reservation is rejected, or a huge one is accepted")
	}
	b.Release(710)
	if got := b.Used.Load(); got != 0 {
		t.Errorf("got %d in use, want none", got)
	}
}
