package timeline

import (
	"fmt"
	"runtime"
	"testing"
)

// Not parallel: it measures the heap.
func TestBytesAreTheMemory(t *testing.T) {
	for _, c := range []struct {
		name string
		fill func(*room)
	}{
		{"usual messages", func(r *room) { fill(r, 20_000) }},
		{"short messages", func(r *room) {
			for range 20_000 {
				r.say(Author{}, `"x"`)
			}
		}},
		{"reactions", func(r *room) {
			r.say(ann, `{"id":"%024x","text":"x"}`, 0)
			for i := range 20_000 {
				r.Apply(r.next(Author{User: fmt.Sprint("a reader ", i%9000)}), r.parse(fmt.Sprintf(`{"type":"reaction","of":"%024x","emoji":"f%d","on":true}`, 0, i/9000)))
			}
		}},
		{"threads", func(r *room) {
			for i := range 5_000 {
				r.say(ann, `{"id":"%024x","text":"x"}`, 2*i)
				r.say(bob, `{"id":"%024x","text":"x","thread":"%024x"}`, 2*i+1, 2*i)
			}
		}},
		{"mentions", func(r *room) {
			for i := range 2_000 {
				r.say(ann, `{"id":"%024x","text":"x","mentions":["u%d","v%d","w%d","x%d"]}`, i, i, i, i, i)
			}
		}},
	} {
		before := heap()
		r := newRoom(t)
		c.fill(r)
		used := int(heap() - before)
		if bytes := r.Bytes(); bytes < used*9/10 || bytes > used*3/2 {
			t.Errorf("%s: Bytes is %d, and the heap grew by %d: want 0.9 to 1.5 times that", c.name, bytes, used)
		} else {
			t.Logf("%s: Bytes is %d, and the heap grew by %d: %.2f times", c.name, bytes, used, float64(bytes)/float64(used))
		}
		runtime.KeepAlive(r)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
