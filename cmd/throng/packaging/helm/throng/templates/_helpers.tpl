{{- define "throng.name" -}}
{{- if contains "throng" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-throng" (.Release.Name | trunc 33 | trimSuffix "-") }}{{ end }}
{{- end }}

{{- define "throng.selector" -}}
app.kubernetes.io/name: throng
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "throng.labels" -}}
{{ include "throng.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "throng.clustered" -}}
{{- if gt (int .Values.nodes) 1 }}true{{ end }}
{{- end }}

{{- define "throng.stateful" -}}
{{- if or .Values.persistence.enabled (include "throng.clustered" .) }}true{{ end }}
{{- end }}

{{- define "throng.secret" -}}
{{- if .Values.existingSecret }}{{ .Values.existingSecret }}{{ else if .Values.secrets }}{{ include "throng.name" . }}{{ end }}
{{- end }}

{{- define "throng.clusterSecret" -}}
{{- .Values.cluster.existingSecret | default (printf "%s-cluster" (include "throng.name" .)) }}
{{- end }}

{{/* The names of the nodes are those of the pods: the kubelet resolves the own name, and the headless service those of the others. */}}
{{- define "throng.domain" -}}
{{ include "throng.name" . }}-nodes.{{ .Release.Namespace }}.svc.{{ .Values.cluster.domain }}
{{- end }}

{{- define "throng.peers" -}}
{{- $peers := list }}
{{- range $i := until (int .Values.nodes) }}
{{- $peers = append $peers (printf "%s-%d.%s:3100" (include "throng.name" $) $i (include "throng.domain" $)) }}
{{- end }}
{{- join "," $peers }}
{{- end }}

{{- define "throng.check" -}}
{{- if eq (int .Values.nodes) 2 }}{{ fail "nodes = 2: a cluster needs 3 or more nodes, because a majority stores each record; one server is nodes = 1" }}{{ end }}
{{- if include "throng.clustered" . }}
{{- if not .Values.persistence.enabled }}{{ fail "persistence.enabled = false: the nodes of a cluster need a volume each" }}{{ end }}
{{- if not (or .Values.cluster.existingSecret .Values.cluster.secret) }}{{ fail "cluster.existingSecret: missing: a Secret with the key cluster-secret, or set cluster.secret" }}{{ end }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) }}{{ fail "ingress.host: missing: the name of your site" }}{{ end }}
{{- end }}
