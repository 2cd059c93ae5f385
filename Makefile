# The commands for developers. `make` without a target lists them.

STATICCHECK := go run honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := go run golang.org/x/vuln/cmd/govulncheck@v1.9.0
VERSION     ?= 0.2.0

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z -]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## the binary, ./throng
	go build -trimpath -ldflags "-X main.version=$(VERSION)" -o throng ./cmd/throng

.PHONY: dist
dist: ## archives, .deb, .rpm, container image, Helm chart, SBOMs, checksums of a version in dist/VERSION, from a commit
	cmd/throng/packaging/dist.sh $(VERSION) dist/$(VERSION)

.PHONY: dist-check
dist-check: ## build dist twice, from two directories: all bytes must be the same; and build and run throng without consumers
	cmd/throng/packaging/check.sh $(VERSION)
	cmd/throng/packaging/leftout.sh

.PHONY: dist-test
dist-test: ## run the container image; install the .deb on a bare Debian, serve, and remove it (root; fetches Debian)
	IMAGE_ARCHIVE=$(CURDIR)/dist/$(VERSION)/throng_$(VERSION)_image.tar go -C cmd/throng/packaging test -count 1 ./image
	cmd/throng/packaging/try.sh dist/$(VERSION)/throng_$(VERSION)_linux_$$(go env GOARCH).deb

.PHONY: charts
charts: ## lint and render the Helm chart and the compose file, and run throng with their settings
	go -C cmd/throng/packaging vet ./...
	go -C cmd/throng/packaging test -count 1 ./charts

.PHONY: test
test: ## all tests of CI; installs missing tools
	@.ci/suites "check race commands alerts" "mutants-ci page report live sdk tls"

.PHONY: check
check: ## gofmt, vet, staticcheck, the kqueue build, known vulnerabilities
	@out=$$(gofmt -l bench cmd examples server); if [ -n "$$out" ]; then echo "not gofmt-ed:"; echo "$$out"; exit 1; fi
	go vet ./...
	$(STATICCHECK) ./...
	GOOS=darwin go build ./...
	GOOS=darwin go vet ./...
	go -C cmd/throng/packaging vet ./binary ./image
	go -C examples/go vet ./...
	go vet -tags nonats,noconsumers ./server/broker/... ./cmd/throng
	go vet -tags shortraft ./server/broker/natsbroker ./server/home
	go test -run TestTheScriptIsBuiltFromItsSources ./server/web ./server/live
	@out=$$($(GOVULNCHECK) ./... 2>&1); code=$$?; \
	case "$$out" in \
	*"fetching vulnerabilities"*) echo "govulncheck: NOT CHECKED: its database is not reachable" ;; \
	*) echo "$$out"; exit $$code ;; \
	esac

.PHONY: page-script
page-script: ## build the scripts and the styles of the chat page and of the live page, server/web/dist and server/live/dist
	go generate ./server/web ./server/live

.PHONY: race
race: ## the Go tests and the fuzz seeds with the race detector
	go test -race -vet=off -p 4 -timeout 25m ./...

# The packages bench and server have these tests' goroutines under the race detector, and TestBenchStartsItsOwnServer each scenario.
.PHONY: commands
commands: ## the tests of throng bench that are not built with the race detector
	@tests=$$(grep -l '^//go:build !race' cmd/throng/*_test.go | xargs sed -n 's/^func \(Test[A-Za-z0-9]*\)(t .*/\1/p' | paste -sd '|' -); \
	go test -vet=off -timeout 15m -run "^($$tests)\$$" ./cmd/throng

.PHONY: tls
tls: ## the tests of the server over TLS, with the engine llib
	THRONG_TEST_TLS=llib go test -count=1 -vet=off -timeout 15m ./server

.PHONY: tls-race
tls-race: ## the tests of the server over TLS, with each engine and the race detector
	THRONG_TEST_TLS=llib go test -count=1 -race -timeout 15m ./server
	THRONG_TEST_TLS=std go test -count=1 -race -timeout 15m ./server

.PHONY: site
site: ## the documentation site, in dist/docs
	go run ./server/site/build dist/docs

.PHONY: browser
browser: page report live ## the page, the report and the live page in real Chromium windows

.PHONY: page
page:
	server/web/browser/run.sh

.PHONY: pages
pages: ## pictures of each state of the chat page in build/pages, and what axe finds there
	PICTURES=$(CURDIR)/build/pages server/web/browser/run.sh pages.js

.PHONY: pages-docs
pages-docs: ## make the pictures of the chat page in docs/pictures
	DOCS=$(CURDIR)/docs/pictures server/web/browser/run.sh pages.js

.PHONY: pages-speed
pages-speed: ## times of the chat page: the first message, and frames under many messages
	server/web/browser/run.sh speed.js

.PHONY: pages-soak
pages-soak: ## half an hour of the chat page in a room of 1,000 talkers: its heap has to stay flat. MINUTES=10 is shorter
	server/web/browser/run.sh --test-timeout=3600000 soak.js

.PHONY: firefox
firefox: ## a visit to the chat page in Firefox; it needs firefox-esr or firefox
	NODE_OPTIONS=--experimental-websocket server/web/browser/run.sh firefox.js

.PHONY: report
report:
	bench/report/browser/run.sh

.PHONY: live
live:
	server/live/browser/run.sh

.PHONY: live-picture
live-picture: ## make docs/live.png
	node server/live/browser/picture.mjs

.PHONY: alerts
alerts: ## test the alert rules and the expressions of the Grafana dashboards with promtool
	docs/prometheus/check.sh

.PHONY: sdk
sdk: ## test the server with the real client and server SDKs, from npm and PyPI
	server/sdk/run.sh

.PHONY: sdk-all
sdk-all: sdk ## make sdk, then each scenario with the SDKs of Go and Java, which CI runs over TLS only
	SDKS=all server/sdk/run.sh

.PHONY: examples
examples: ## run the examples, and follow the quick start of docs/ to the letter (ports 3000, 3001 and 8080)
	examples/run.sh

.PHONY: fuzz
fuzz: ## each fuzz target for a minute
	go test -fuzz FuzzDecoder -fuzztime 60s ./server/ws
	go test -fuzz FuzzHandshake -fuzztime 60s ./server/ws
	go test -fuzz FuzzHead -fuzztime 60s ./server/ws
	go test -fuzz FuzzParseClose -fuzztime 60s ./server/ws
	go test -fuzz FuzzOpen -fuzztime 60s ./server/tlsrec
	go test -fuzz FuzzContent -fuzztime 60s ./server/tlsrec
	go test -fuzz FuzzStream -fuzztime 60s ./server/tlsconn
	go test -fuzz FuzzHandshake -fuzztime 60s ./server/tlshandshake
	go test -fuzz FuzzConfigFile -fuzztime 60s ./cmd/throng
	go test -fuzz FuzzStreamRequest -fuzztime 60s ./server/edge
	go test -fuzz FuzzCommands -fuzztime 60s ./server/httpstream
	go test -fuzz FuzzRoomName -fuzztime 60s ./server/edge
	go test -fuzz FuzzTheAPI -fuzztime 60s ./server
	go test -fuzz FuzzCommands -fuzztime 60s -fuzzminimizetime 10x ./server
	go test -fuzz FuzzMattermost -fuzztime 60s ./server/importing
	go test -fuzz FuzzSlack -fuzztime 60s ./server/importing
	go test -fuzz FuzzReader -fuzztime 60s ./server/record
	go test -fuzz FuzzWriter -fuzztime 60s ./server/record
	go test -fuzz FuzzParse -fuzztime 60s -fuzzminimizetime 10x ./server/timeline
	go test -fuzz FuzzRestore -fuzztime 60s ./server/timeline
	go test -fuzz FuzzParseAnswer -fuzztime 60s ./server/webhook
	go test -fuzz FuzzConnect -fuzztime 60s ./server/token
	go test -fuzz FuzzClaims -fuzztime 60s ./server/token
	go test -fuzz FuzzNextFrame -fuzztime 60s ./bench/agent
	go test -fuzz FuzzParseURL -fuzztime 60s ./bench/agent
	go test -fuzz FuzzStamp -fuzztime 60s ./bench/agent
	go test -fuzz FuzzFiles -fuzztime 60s ./bench/doctor
	go test -fuzz FuzzProcFiles -fuzztime 60s ./bench/observe
	go test -fuzz FuzzParseBound -fuzztime 60s ./bench/result

.PHONY: torture
torture: torture-durable torture-cluster ## attack a real server and print one line per attack (about ten minutes), after torture-durable and torture-cluster
	go run ./server/torture

.PHONY: torture-durable
torture-durable: ## kill servers with durable rooms, cut their power, fill their disk: one line per fault (about ten minutes; some need root)
	THRONG_MODEL_STEPS=2000 go test -count 1 -run '^TestRecoveryOfDurableRoomsIsExactOrReported$$' ./server
	THRONG_MODEL_STEPS=5000 go test -count 1 -run '^TestEachClientHasTheTimelineOfTheServer$$' ./server
	THRONG_MODEL_STEPS=1 go test -count 1 -run '^TestAClusterKeepsItsPromises$$' ./server
	THRONG_ALL_CASES=1 go test -count 1 -run '^TestThreeEmbeddedEnginesKeepTheirPromises$$' ./server/broker/natsbroker
	go run ./server/torture/durable

.PHONY: torture-cluster
torture-cluster: ## kill, stop, part and fill the nodes of clusters of three processes: one line per fault (about an hour)
	go run ./server/torture/cluster

.PHONY: torture-tls
torture-tls: ## the same attacks over TLS
	go run ./server/torture -tls llib

.PHONY: mutants
mutants: ## plant known bugs, one at a time: each must fail a test
	.ci/mutants

.PHONY: mutants-ci
mutants-ci:
	.ci/mutants --ci

.PHONY: autobahn
autobahn: ## the Autobahn test suite against the plain room, over ws and over wss (needs Python 2.7)
	server/ws/autobahn/run.sh
	server/ws/autobahn/run.sh --tls llib
	server/ws/autobahn/run.sh --tls std

.PHONY: tlsscan
tlsscan: ## scan the TLS port with SSLyze, with each engine (from PyPI; needs OpenSSL)
	server/tlshandshake/scan/run.sh

.PHONY: load
load: build ## a short load test of its own server
	./throng bench

.PHONY: peers
peers: ## build the servers of the benchmarks into dist/peers, if their tools are installed
	bench/peers/build.sh dist/peers

.PHONY: bench benchmarks
bench benchmarks: build peers ## measure all servers and write the tables of docs/benchmarks (about 45 minutes)
	go run ./bench/figures --throng ./throng --peers dist/peers --documents docs/benchmarks

.PHONY: bench-storage
bench-storage: ## measure the storage engine beside the raw rate of the disk: records per second, replay at a start
	go test -run '^$$' -bench . -benchtime 1x ./server/broker/natsbroker
