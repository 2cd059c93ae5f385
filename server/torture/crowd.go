//go:build linux

package main

import (
	"sync"
	"sync/atomic"
)

// crowd calls do for 0 to n-1, 32 calls at a time, and returns the first error.
func crowd(n int, do func(i int) error) error {
	var next atomic.Int64
	var failed error
	var once sync.Once
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := do(i); err != nil {
					next.Store(int64(n))
					once.Do(func() { failed = err })
				}
			}
		})
	}
	all.Wait()
	return failed
}
