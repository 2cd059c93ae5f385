// Package unordered changes lists whose order does not matter.
package unordered

// Remove takes the i-th out of a list whose order does not matter: the last stands in its place then. A list that has become
// much shorter gives its memory back.
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
