package natsbroker

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/datadir"
)

// ErrLeftOut: the binary was built without the engine.
var ErrLeftOut = errors.New("this binary was built with the tag nonats, without the storage engine: use another binary, or start without a data directory")

// askTimeout is the time for the answer of another process: a node, or one with the same name.
const askTimeout = time.Second

// Options are the settings of Open. Only Dir is required, or External instead of it.
type Options struct {
	// Dir is the data directory. Open creates it, not its parent, and locks it.
	Dir string
	// Cluster names the cluster that the data belongs to: 1 to 64 bytes with the syntax of a key. Default: "throng".
	Cluster string
	// Join makes this process a node of a cluster. Nil: it is the only one.
	Join *Join
	// External is a NATS cluster that stores the data, instead of Dir and Join. Floor and MaxStore have no effect then.
	External *External
	// Log receives the messages of the engine. Its handler must not block. Default: none.
	Log *slog.Logger
	// MaxStore is the maximum number of bytes of all logs and tables. At more, appends fail with ErrFull until Trim. Default: 64 GiB.
	MaxStore int64
	// MaxAge removes records of this age. 0: records stay until Trim. At least 1 s otherwise.
	MaxAge time.Duration
	// Floor is the free space of the file system below which appends fail with ErrFull. Default: 256 MiB or 5 %, the larger one.
	Floor *datadir.Floor
	// NoSync lets the server sync its files each 2 minutes. A loss of power then loses committed records. It is for the test that shows
	// that it would find such a loss; throng has no setting for it.
	NoSync bool

	missed   func()            // messages of other nodes may be lost
	twin     func(host string) // another node with the same name has connected
	patience time.Duration     // for the answer of another process; default: askTimeout. Tests have more
}

// owner returns whose data the directory has.
func (o *Options) owner() datadir.Owner {
	by := datadir.Owner{Cluster: o.Cluster}
	if o.Join != nil {
		by.Node = o.Join.Node
	}
	return by
}

// Check returns why Open would fail, as far as that shows without a start. It creates, changes and locks nothing.
func Check(o Options) error {
	o, err := o.complete()
	if err != nil {
		return err
	}
	if !included {
		return ErrLeftOut
	}
	if o.External != nil {
		return o.External.checkFiles()
	}
	return datadir.Check(o.Dir, o.owner())
}

// maxCluster is the largest name of a cluster, in bytes. The name of a table follows it in the name of a stream.
const maxCluster = 64

// complete returns the options with their defaults, or an error.
func (o Options) complete() (Options, error) {
	if o.External != nil {
		if err := o.External.Check(); err != nil {
			return o, err
		}
	} else if o.Dir == "" {
		return o, errors.New("natsbroker: Options.Dir is empty: name the data directory")
	}
	if o.Cluster == "" {
		o.Cluster = "throng"
	}
	if err := broker.CheckKey(o.Cluster); err != nil || len(o.Cluster) > maxCluster {
		return o, fmt.Errorf("cluster name %q: allowed are 1 to %d of a-z, A-Z, 0-9, '-', '_'", o.Cluster, maxCluster)
	}
	join, err := o.Join.complete()
	if err != nil {
		return o, err
	}
	o.Join = join
	if o.patience == 0 {
		o.patience = askTimeout
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxStore == 0 {
		o.MaxStore = 64 << 30
	}
	if o.MaxStore < 0 || o.MaxAge < 0 || o.MaxAge > 0 && o.MaxAge < time.Second {
		return o, fmt.Errorf("natsbroker: MaxStore %d and MaxAge %s: allowed are positive numbers and 0, MaxAge at least 1s", o.MaxStore, o.MaxAge)
	}
	if o.External != nil {
		o.Floor = &datadir.Floor{} // its servers know their space
	}
	if o.Floor == nil {
		o.Floor = &datadir.Floor{Bytes: 256 << 20, Percent: 5}
	}
	return o, nil
}
