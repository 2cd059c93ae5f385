package server

import (
	"maps"
	"slices"
	"testing"

	"github.com/throng-chat/throng/server/chat"
)

// modelValues is what the values of rooms are, and what they may be after changes whose outcome is unknown. Values are texts, empty for none.
type modelValues struct {
	t    *testing.T
	did  map[string]int
	keys map[modelKey]*modelValue
}

type modelKey struct{ room, key string }

type modelValue struct {
	is      string         // acknowledged last
	pending []*modelChange // proposed and not acknowledged, in their order
	maybe   []string       // by changes of unknown outcome, which the log may have
}

// modelChange is a change of several values. nil is no change.
type modelChange struct {
	of *modelValues
	to map[modelKey]string
}

func newModelValues(t *testing.T, did map[string]int) *modelValues {
	return &modelValues{t: t, did: did, keys: map[modelKey]*modelValue{}}
}

// now returns the value that the server has.
func (mv *modelValues) now(k modelKey) string {
	if v := mv.keys[k]; v != nil {
		return v.is
	}
	return ""
}

// next returns the value when all that is proposed is committed.
func (mv *modelValues) next(k modelKey) string {
	v := mv.keys[k]
	if v == nil || len(v.pending) == 0 {
		return mv.now(k)
	}
	return v.pending[len(v.pending)-1].to[k]
}

// propose notes a change that is proposed.
func (mv *modelValues) propose(to map[modelKey]string) *modelChange {
	c := &modelChange{mv, to}
	for k := range to {
		if mv.keys[k] == nil {
			mv.keys[k] = &modelValue{}
		}
		mv.keys[k].pending = append(mv.keys[k].pending, c)
	}
	return c
}

// of returns the keys of a room, in a fixed order.
func (mv *modelValues) of(room string) []modelKey {
	list := slices.DeleteFunc(slices.Collect(maps.Keys(mv.keys)), func(k modelKey) bool { return k.room != room })
	slices.SortFunc(list, func(a, b modelKey) int {
		if a.key < b.key {
			return -1
		}
		return 1
	})
	return list
}

// ended notes the end of a change: it is acknowledged, or rejected. proposed is false if it was rejected before it was proposed.
func (mc *modelChange) ended(e *chat.Rejection, proposed bool) {
	if mc == nil {
		return
	}
	for k, to := range mc.to {
		v := mc.of.keys[k]
		i := slices.Index(v.pending, mc)
		switch {
		case e == nil && i != 0:
			mc.of.t.Errorf("%v: change %d of those that wait is acknowledged first", k, i)
		case e == nil:
			v.is, v.maybe = to, nil
		case proposed:
			v.maybe = append(v.maybe, to)
		}
		v.pending = slices.Delete(v.pending, i, i+1)
	}
}

// crashed notes that the outcome of all that is proposed is unknown.
func (mv *modelValues) crashed() {
	for k, v := range mv.keys {
		for _, c := range v.pending {
			v.maybe = append(v.maybe, c.to[k])
		}
		v.pending = nil
	}
}

// settle reads the values after a replay of the log: each is the one that was acknowledged last, or by a change of unknown outcome.
func (mv *modelValues) settle(read func(k modelKey, may []string) (is string)) {
	for k, v := range mv.keys {
		if len(v.maybe) > 0 {
			mv.did["value of unknown outcome"]++
			v.is = read(k, append(v.maybe, v.is))
			v.maybe = nil
		}
	}
}
