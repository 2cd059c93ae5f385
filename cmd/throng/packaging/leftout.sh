#!/usr/bin/env bash
# Builds throng without the consumers. The program must run, must not have their clients, and must reject the settings of each consumer by name.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT

clients=$(go list -deps -tags noconsumers ./cmd/throng | grep -E '^github.com/(twmb/franz-go|jackc/pgx)' || true)
if [ -n "$clients" ]; then
  echo "noconsumers: the program has packages of the consumers:" $clients >&2
  exit 1
fi
go build -tags noconsumers -o "$work/throng" ./cmd/throng

# rejects CONFIG SETTING: the settings end with exit code 2 and the name of the setting.
rejects() {
  printf "$1" >"$work/throng.toml"
  local code=0 out
  out=$("$work/throng" serve --check --config "$work/throng.toml" 2>&1) || code=$?
  if [ $code != 2 ] || ! grep -qF "$2" <<<"$out" || ! grep -qF 'this program was built with -tags noconsumers' <<<"$out"; then
    echo "noconsumers: got exit code $code and: $out; want 2 and an error about $2" >&2
    exit 1
  fi
}
rejects '[consumer-nats]\nstream = "CHAT"\n' consumer-nats.stream
rejects '[consumer-kafka]\nbrokers = ["127.0.0.1:9092"]\ntopics = ["chat"]\n' consumer-kafka.topics
rejects '[consumer-postgres]\nurl = "postgres://u@127.0.0.1/d"\n' consumer-postgres.url

"$work/throng" serve --listen "unix:$work/public" --admin "unix:$work/admin" >"$work/log" 2>&1 &
server=$!
for _ in $(seq 600); do
  if "$work/throng" health --admin "unix:$work/admin" >/dev/null 2>&1; then
    echo "noconsumers: the program runs without the consumers, and rejects their settings"
    exit 0
  fi
  sleep 0.1
done
cat "$work/log" >&2
echo "noconsumers: the program does not answer" >&2
exit 1
