package result

// Second is a row of the time series. Latencies belong to the second in which a delivery arrived.
type Second struct {
	T           float64 `json:"t_s"` // the end of the row
	Measured    bool    `json:"measured"`
	Connections int     `json:"connections"`
	Sent        float64 `json:"sent_per_s"`
	Deliveries  float64 `json:"deliveries_per_s"`
	P50         int64   `json:"p50_ns"` // 0 without deliveries
	P99         int64   `json:"p99_ns"` // 0 with too few deliveries
	Max         int64   `json:"max_ns"`
	LagP99      int64   `json:"lag_p99_ns"`
	ServerCores float64 `json:"server_cores"`
	ClientCores float64 `json:"client_cores"`
}
