package charts

import (
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"sigs.k8s.io/yaml"
)

const chartDir = "../helm/throng"

type values = map[string]any

// cluster is the least that a cluster needs.
func cluster() values {
	return values{"nodes": 3, "persistence": values{"enabled": true}, "cluster": values{"secret": "0123456789abcdef"}}
}

// everything turns on each part of the chart.
func everything() values {
	v := cluster()
	maps.Copy(v, values{
		"secrets":        values{"THRONG_API_KEY": "0123456789abcdef", "THRONG_TOKEN_HMAC_SECRET": strings.Repeat("s", 32)},
		"env":            values{"THRONG_LOG_LEVEL": "debug"},
		"ingress":        values{"enabled": true, "host": "chat.example", "className": "nginx", "tlsSecret": "tls", "annotations": values{"a": "b"}},
		"networkPolicy":  values{"enabled": true, "adminFrom": []any{values{"namespaceSelector": values{"matchLabels": values{"name": "monitoring"}}}}},
		"serviceMonitor": values{"enabled": true, "labels": values{"release": "prometheus"}},
		"persistence":    values{"enabled": true, "storageClass": "fast"},
		"podAnnotations": values{"c": "d"}, "podLabels": values{"e": "f"}, "nodeSelector": values{"g": "h"}, "priorityClassName": "high",
		"tolerations":      []any{values{"key": "chat", "operator": "Exists"}},
		"imagePullSecrets": []any{values{"name": "registry"}},
		"image":            values{"repository": "registry.example/throng", "tag": "1.2.3"},
		"service":          values{"type": "LoadBalancer", "port": 80, "annotations": values{"i": "j"}},
	})
	return v
}

// render returns the manifests of a release by kind and name, such as "Service/throng". The notes are "NOTES.txt".
func render(t *testing.T, release string, v values) (map[string]string, error) {
	t.Helper()
	chart, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	options := chartutil.ReleaseOptions{Name: release, Namespace: "chat", IsInstall: true}
	all, err := chartutil.ToRenderValues(chart, v, options, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(chart, all)
	if err != nil {
		return nil, err
	}
	manifests := map[string]string{}
	for name, text := range files {
		if path.Base(name) == "NOTES.txt" {
			manifests["NOTES.txt"] = text
			continue
		}
		for part := range strings.SplitSeq("\n"+text, "\n---") {
			var head struct {
				Kind     string
				Metadata struct{ Name string }
			}
			if err := yaml.Unmarshal([]byte(part), &head); err != nil {
				t.Fatalf("%s: %v in\n%s", name, err, part)
			}
			if head.Kind != "" {
				manifests[head.Kind+"/"+head.Metadata.Name] = part
			}
		}
	}
	return manifests, nil
}

func mustRender(t *testing.T, v values) map[string]string {
	t.Helper()
	manifests, err := render(t, "throng", v)
	if err != nil {
		t.Fatal(err)
	}
	return manifests
}

// object parses a manifest by the type of Kubernetes. A field that the type does not have is an error.
func object[T any](t *testing.T, manifests map[string]string, name string) *T {
	t.Helper()
	text, ok := manifests[name]
	if !ok {
		t.Fatalf("%s is missing: got %q", name, slices.Sorted(maps.Keys(manifests)))
	}
	var o T
	if err := yaml.UnmarshalStrict([]byte(text), &o); err != nil {
		t.Fatalf("%s: %v in\n%s", name, err, text)
	}
	return &o
}

func TestTheChartPassesTheLinter(t *testing.T) {
	for name, v := range map[string]values{"defaults": {}, "cluster": cluster(), "everything": everything()} {
		for _, m := range lint.All(chartDir, v, "chat", true).Messages {
			if !strings.Contains(m.Error(), "icon is recommended") {
				t.Errorf("%s: %v", name, m)
			}
		}
	}
}

func TestTheChartRejectsValuesThatCannotWork(t *testing.T) {
	with := func(key string, value any) values {
		v := cluster()
		v[key] = value
		return v
	}
	for _, tt := range []struct {
		name, want string
		values     values
	}{
		{"two nodes", "needs 3 or more nodes", values{"nodes": 2}},
		{"a cluster without volumes", "need a volume each", with("persistence", values{"enabled": false})},
		{"a cluster without a secret", "cluster.existingSecret: missing", with("cluster", values{"secret": ""})},
		{"a short secret of the cluster", "secret", with("cluster", values{"secret": "short"})},
		{"an ingress without a name", "ingress.host: missing", values{"ingress": values{"enabled": true}}},
		{"an unknown value", "replicas", values{"replicas": 3}},
		{"a variable that is not throng's", "api-key", values{"secrets": values{"api-key": "0123456789abcdef"}}},
		{"an empty secret", "secrets", values{"secrets": values{"THRONG_API_KEY": ""}}},
	} {
		if _, err := render(t, "throng", tt.values); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got the error %v, want %q in it", tt.name, err, tt.want)
		}
	}
}
