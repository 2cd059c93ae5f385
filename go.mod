module github.com/throng-chat/throng

go 1.26.0

require github.com/alecthomas/kong v1.17.0

require (
	github.com/HdrHistogram/hdrhistogram-go v1.4.0 // indirect
	github.com/coder/websocket v1.8.15 // indirect
	github.com/lesismal/llib v1.2.5 // indirect
	github.com/lesismal/nbio v1.6.12 // indirect
	github.com/lmittmann/tint v1.2.1 // indirect
	github.com/pelletier/go-toml/v2 v2.4.3 // indirect
	github.com/prometheus/client_golang v1.25.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/term v0.47.0 // indirect
	golang.org/x/time v0.16.0 // indirect
)
