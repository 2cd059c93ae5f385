package charts

import (
	"maps"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
)

// podOf returns the template of the pods, of either kind of workload.
func podOf(t *testing.T, manifests map[string]string) *corev1.PodTemplateSpec {
	t.Helper()
	if _, ok := manifests["StatefulSet/throng"]; ok {
		return &object[appsv1.StatefulSet](t, manifests, "StatefulSet/throng").Spec.Template
	}
	return &object[appsv1.Deployment](t, manifests, "Deployment/throng").Spec.Template
}

func TestEachManifestHasOnlyFieldsOfKubernetes(t *testing.T) {
	for name, v := range map[string]values{"defaults": {}, "cluster": cluster(), "everything": everything()} {
		manifests := mustRender(t, v)
		for key := range manifests {
			switch kind, _, _ := strings.Cut(key, "/"); kind {
			case "StatefulSet":
				object[appsv1.StatefulSet](t, manifests, key)
			case "Deployment":
				object[appsv1.Deployment](t, manifests, key)
			case "Service":
				object[corev1.Service](t, manifests, key)
			case "ConfigMap":
				object[corev1.ConfigMap](t, manifests, key)
			case "Secret":
				object[corev1.Secret](t, manifests, key)
			case "Ingress":
				object[networkingv1.Ingress](t, manifests, key)
			case "NetworkPolicy":
				object[networkingv1.NetworkPolicy](t, manifests, key)
			case "PodDisruptionBudget":
				object[policyv1.PodDisruptionBudget](t, manifests, key)
			case "ServiceMonitor": // a type of the operator of Prometheus
			case "NOTES.txt":
			default:
				t.Errorf("%s: got the kind %s, which is not checked", name, kind)
			}
		}
	}
}

func TestTheWorkloadFollowsTheValues(t *testing.T) {
	one := []string{"ConfigMap/throng", "Deployment/throng", "NOTES.txt", "NetworkPolicy/throng", "Service/throng", "Service/throng-nodes"}
	for _, tt := range []struct {
		name   string
		values values
		want   []string
	}{
		{"defaults", values{}, one},
		{"persistence", values{"persistence": values{"enabled": true}}, replaced(one, "Deployment/throng", "StatefulSet/throng")},
		{"cluster", cluster(), append(replaced(one, "Deployment/throng", "StatefulSet/throng"), "PodDisruptionBudget/throng", "Secret/throng-cluster")},
		{"everything", everything(), append(replaced(one, "Deployment/throng", "StatefulSet/throng"),
			"PodDisruptionBudget/throng", "Secret/throng-cluster", "Secret/throng", "Ingress/throng", "ServiceMonitor/throng")},
	} {
		slices.Sort(tt.want)
		if got := slices.Sorted(maps.Keys(mustRender(t, tt.values))); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := object[appsv1.Deployment](t, mustRender(t, values{}), "Deployment/throng").Spec.Strategy.Type; got != appsv1.RecreateDeploymentStrategyType {
		t.Errorf("got the strategy %s, want Recreate: two servers would divide the rooms", got)
	}
	set := object[appsv1.StatefulSet](t, mustRender(t, cluster()), "StatefulSet/throng").Spec
	if set.PodManagementPolicy != appsv1.ParallelPodManagement || *set.Replicas != 3 || set.ServiceName != "throng-nodes" || len(set.VolumeClaimTemplates) != 1 {
		t.Errorf("got %+v: want 3 nodes at once, with names and volumes", set)
	}
}

func replaced(list []string, from, to string) []string {
	list = slices.Clone(list)
	list[slices.Index(list, from)] = to
	return list
}

func TestPodsHaveNoPrivileges(t *testing.T) {
	for name, v := range map[string]values{"defaults": {}, "everything": everything()} {
		pod := podOf(t, mustRender(t, v)).Spec
		c := pod.Containers[0].SecurityContext
		if p := pod.SecurityContext; !*p.RunAsNonRoot || *p.RunAsUser != 65532 || *p.FSGroup != 65532 || p.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
			t.Errorf("%s: got the pod's %+v", name, p)
		}
		if *c.AllowPrivilegeEscalation || !*c.ReadOnlyRootFilesystem || !slices.Equal(c.Capabilities.Drop, []corev1.Capability{"ALL"}) || *pod.AutomountServiceAccountToken {
			t.Errorf("%s: got the container's %+v", name, c)
		}
		if *pod.EnableServiceLinks {
			t.Errorf("%s: service links are on: a service throng sets THRONG_PORT, which throng rejects", name)
		}
	}
}

func TestAPodLeavesTheServiceBeforeItStops(t *testing.T) {
	v := values{"preStopSeconds": 7, "drainSeconds": 30}
	pod := podOf(t, mustRender(t, v)).Spec
	c := pod.Containers[0]
	if got := c.Lifecycle.PreStop.Sleep.Seconds; got != 7 {
		t.Errorf("preStop: got %d s, want 7", got)
	}
	if got, want := *pod.TerminationGracePeriodSeconds, int64(7+30+5); got != want {
		t.Errorf("grace period: got %d s, want %d", got, want)
	}
	if got := environment(c)["THRONG_DRAIN"]; got != "30s" {
		t.Errorf("THRONG_DRAIN: got %q, want 30s", got)
	}
}

func TestPortsAndProbesAreThoseOfTheServer(t *testing.T) {
	manifests := mustRender(t, everything())
	c := podOf(t, manifests).Spec.Containers[0]
	env, ports := environment(c), map[string]int32{}
	for _, p := range c.Ports {
		ports[p.Name] = p.ContainerPort
	}
	if env["THRONG_LISTEN"] != ":3000" || ports["chat"] != 3000 || env["THRONG_ADMIN"] != ":3001" || ports["admin"] != 3001 || ports["cluster"] != 3100 {
		t.Errorf("got the ports %v and the settings %v", ports, env)
	}
	for path, probe := range map[string]*corev1.Probe{"/healthz": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
		if probe.HTTPGet.Path != path || probe.HTTPGet.Port.StrVal != "admin" {
			t.Errorf("got the probe %+v, want %s of the admin port", probe, path)
		}
	}
	if p := c.StartupProbe; p.HTTPGet.Path != "/healthz" || p.FailureThreshold*p.PeriodSeconds < 600 {
		t.Errorf("got the probe %+v, want 10 minutes for a start", p)
	}
	for name, want := range map[string]string{"Service/throng": "chat", "Service/throng-nodes": "admin cluster"} {
		var got []string
		for _, p := range object[corev1.Service](t, manifests, name).Spec.Ports {
			got = append(got, p.TargetPort.StrVal)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got the ports %q, want %s", name, got, want)
		}
	}
	if nodes := object[corev1.Service](t, manifests, "Service/throng-nodes").Spec; !nodes.PublishNotReadyAddresses || nodes.ClusterIP != "None" {
		t.Errorf("got %+v: the nodes must find each other before they are ready", nodes)
	}
	if got, want := c.Image, "registry.example/throng:1.2.3"; got != want {
		t.Errorf("got the image %s, want %s", got, want)
	}
}

func TestOnlyNamedPodsReachTheAdminPortAndTheNodes(t *testing.T) {
	manifests := mustRender(t, everything())
	labels := podOf(t, manifests).Labels
	policy := object[networkingv1.NetworkPolicy](t, manifests, "NetworkPolicy/throng").Spec
	open := map[string]int{}
	for _, rule := range policy.Ingress {
		open[rule.Ports[0].Port.StrVal] = len(rule.From)
	}
	if len(open) != 3 || open["chat"] != 0 || open["admin"] != 1 || open["cluster"] != 1 {
		t.Errorf("got %v, want chat for all, admin and cluster for one peer", open)
	}
	for key, value := range policy.PodSelector.MatchLabels {
		if labels[key] != value {
			t.Errorf("the policy selects %s=%s, the pods have %q", key, value, labels[key])
		}
	}
	if rules := object[networkingv1.NetworkPolicy](t, mustRender(t, values{}), "NetworkPolicy/throng").Spec.Ingress; len(rules) != 1 {
		t.Errorf("defaults: got %+v, want the chat port only", rules)
	}
}

// A change of the config file or of a secret must reach the pods.
func TestAChangedConfigFileRestartsThePods(t *testing.T) {
	first := podOf(t, mustRender(t, values{"secrets": values{"THRONG_API_KEY": "0123456789abcdef"}})).Annotations
	for name, v := range map[string]values{
		"checksum/config": {"config": "rate = 7\n", "secrets": values{"THRONG_API_KEY": "0123456789abcdef"}},
		"checksum/secret": {"secrets": values{"THRONG_API_KEY": "fedcba9876543210"}},
	} {
		if got := podOf(t, mustRender(t, v)).Annotations[name]; got == first[name] || got == "" {
			t.Errorf("%s: got %q for two texts", name, got)
		}
	}
}
