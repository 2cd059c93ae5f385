// Package unordered changes slices whose order does not matter.
package unordered

// Remove removes the element with index i and returns the list. The last element moves to that index. A list that has become much shorter
// than its capacity is copied, to release memory.
func Remove[T any](list []T, i int) []T {
	last := len(list) - 1
	list[i] = list[last]
	clear(list[last:])
	list = list[:last]
	if last >= 64 && last < cap(list)/4 {
		list = append(make([]T, 0, cap(list)/2), list...)
	}
	return list
}
