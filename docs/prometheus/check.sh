#!/usr/bin/env bash
# Tests the alert rules, and checks the expressions of the Grafana dashboards, with promtool: that of PROMTOOL, of the PATH, or of Debian's package.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

promtool=${PROMTOOL:-$(command -v promtool || true)}
if [ -z "$promtool" ] && command -v apt-get >/dev/null; then
  echo "alerts: getting promtool from Debian's package prometheus, without installing it" >&2
  if ! (cd "$work" && apt-get download -qq prometheus 2>/dev/null); then
    apt-get update -qq
    (cd "$work" && apt-get download -qq prometheus)
  fi
  dpkg -x "$work"/prometheus_*.deb "$work/package"
  promtool=$work/package/usr/bin/promtool
fi
if [ -z "$promtool" ]; then
  echo "alerts: promtool is missing: install Prometheus, or set PROMTOOL to its path" >&2
  exit 1
fi

"$promtool" check rules alerts.yml
"$promtool" test rules alerts_test.yml

# A dashboard has no check of its own: each expression becomes a rule, with values in the place of its variables.
node - ../grafana/*.json >"$work/dashboard.yml" <<'SCRIPT'
const values = { $__rate_interval: "5m", $__range: "1h", $job: "throng", $instance: "a" };
const dashboards = process.argv.slice(2).map((path) => ({ path, ...JSON.parse(require("node:fs").readFileSync(path, "utf8")) }));
if (new Set(dashboards.map(({ uid }) => uid)).size !== 3) throw new Error("want three dashboards, each with a uid of its own");
const expressions = dashboards.flatMap(({ path, panels }) => {
  const found = panels.flatMap((panel) => (panel.targets ?? []).map((target) => target.expr));
  if (found.length < 20) throw new Error(`${path}: only ${found.length} expressions`);
  return found;
});
console.log("groups:\n  - name: dashboard\n    rules:");
expressions.forEach((text, i) => {
  const expr = text.replace(/\$\w+/g, (name) => {
    if (!(name in values)) throw new Error(`${text}: unknown variable ${name}`);
    return values[name];
  });
  console.log(`      - record: dashboard:${i}\n        expr: ${JSON.stringify(expr)}`);
});
SCRIPT
"$promtool" check rules "$work/dashboard.yml"
