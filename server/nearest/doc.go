// Package nearest proposes the known name that is most like one that is not known.
package nearest
