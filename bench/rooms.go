package bench

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// layout assigns the connections to rooms.
type layout struct {
	names   []string
	roomOf  []int32 // by connection
	largest int
}

// layOut assigns a room to each connection.
func layOut(c *Config) layout {
	l := layout{roomOf: make([]int32, c.Connections)}
	rooms := c.Rooms
	if c.Scenario == Echo {
		rooms = c.Connections
	}
	prefix := c.Room
	if prefix == "" && (rooms > 1 || c.Protocol.Query == "") {
		prefix = c.Protocol.Usual
	}
	if rooms == 1 {
		l.names = []string{prefix}
	}
	for i := 0; rooms > 1 && i < rooms; i++ {
		l.names = append(l.names, fmt.Sprintf("%s-%d", prefix, i+1))
	}
	next := 0
	for room, size := range roomSizes(c.Connections, rooms, c.Zipf) {
		for range size {
			l.roomOf[next] = int32(room)
			next++
		}
		l.largest = max(l.largest, size)
	}
	if rooms > 1 && c.Scenario != Echo {
		random := rand.New(rand.NewPCG(c.Seed, 0x2003))
		random.Shuffle(len(l.roomOf), func(i, j int) { l.roomOf[i], l.roomOf[j] = l.roomOf[j], l.roomOf[i] })
	}
	return l
}

// roomSizes divides the connections among the rooms: room k, counted from 1, gets a share of 1/k to the power s, and each room at least
// one.
func roomSizes(connections, rooms int, s float64) []int {
	weights := make([]float64, rooms)
	var all float64
	for i := range weights {
		weights[i] = math.Pow(float64(i+1), -s)
		all += weights[i]
	}
	sizes := make([]int, rooms)
	spare := connections - rooms // beside one for each room
	given := 0
	var sum float64
	for i, w := range weights {
		sum += w
		upTo := int(math.Round(sum / all * float64(spare)))
		sizes[i] = 1 + upTo - given
		given = upTo
	}
	return sizes
}

// fanOut returns the mean number of receivers of a message of the first publishers connections.
func (l *layout) fanOut(publishers int) float64 {
	members := make([]int, len(l.names))
	for _, room := range l.roomOf {
		members[room]++
	}
	sum := 0
	for _, room := range l.roomOf[:publishers] {
		sum += members[room]
	}
	return float64(sum) / float64(max(publishers, 1))
}
