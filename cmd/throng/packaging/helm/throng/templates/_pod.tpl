{{/* The template of the pods, of the Deployment and of the StatefulSet. */}}
{{- define "throng.pod" -}}
metadata:
  labels:
    {{- include "throng.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    checksum/config: {{ include (print $.Template.BasePath "/config.yaml") . | sha256sum }}
    checksum/secret: {{ include (print $.Template.BasePath "/secret.yaml") . | sha256sum }}
    {{- with .Values.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  # Kubernetes would set variables such as THRONG_PORT for a service with the name throng, and throng rejects settings that it does not know.
  enableServiceLinks: false
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: {{ add .Values.preStopSeconds .Values.drainSeconds 5 }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: { type: RuntimeDefault }
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets: {{ toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: throng
      image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: { drop: [ALL] }
      env:
        - { name: THRONG_LISTEN, value: ":3000" }
        - { name: THRONG_ADMIN, value: ":3001" }
        - { name: THRONG_DRAIN, value: "{{ .Values.drainSeconds }}s" }
        - { name: THRONG_DATA, value: {{ ternary "/var/lib/throng/data" "off" (eq (include "throng.stateful" .) "true") | quote }} }
        {{- if include "throng.clustered" . }}
        - { name: POD_NAME, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
        - { name: THRONG_CLUSTER, value: {{ include "throng.name" . | quote }} }
        - { name: THRONG_NODE, value: "$(POD_NAME)" }
        - { name: THRONG_CLUSTER_LISTEN, value: "$(POD_NAME).{{ include "throng.domain" . }}:3100" }
        - { name: THRONG_PEERS, value: {{ include "throng.peers" . | quote }} }
        - { name: THRONG_CLUSTER_SECRET_FILE, value: /etc/throng-cluster/cluster-secret }
        {{- end }}
        {{- range $name, $value := .Values.env }}
        - { name: {{ $name }}, value: {{ $value | quote }} }
        {{- end }}
      {{- with include "throng.secret" . }}
      envFrom:
        - secretRef: { name: {{ . }} }
      {{- end }}
      ports:
        - { name: chat, containerPort: 3000 }
        - { name: admin, containerPort: 3001 }
        {{- if include "throng.clustered" . }}
        - { name: cluster, containerPort: 3100 }
        {{- end }}
      # The admin port responds while the server starts: /healthz with 200, /readyz with 503 and the reason.
      startupProbe:
        httpGet: { path: /healthz, port: admin }
        periodSeconds: 2
        failureThreshold: 300
      livenessProbe:
        httpGet: { path: /healthz, port: admin }
        periodSeconds: 10
        timeoutSeconds: 5
      readinessProbe:
        httpGet: { path: /readyz, port: admin }
        periodSeconds: 2
        timeoutSeconds: 5
      lifecycle:
        preStop:
          sleep: { seconds: {{ .Values.preStopSeconds }} }
      {{- with .Values.resources }}
      resources: {{ toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - { name: config, mountPath: /etc/throng, readOnly: true }
        {{- if include "throng.stateful" . }}
        - { name: data, mountPath: /var/lib/throng }
        {{- end }}
        {{- if include "throng.clustered" . }}
        - { name: cluster-secret, mountPath: /etc/throng-cluster, readOnly: true }
        {{- end }}
  volumes:
    - name: config
      configMap: { name: {{ include "throng.name" . }} }
    {{- if include "throng.clustered" . }}
    - name: cluster-secret
      secret: { secretName: {{ include "throng.clusterSecret" . }}, defaultMode: 0440 }
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- if .Values.affinity }}
  affinity: {{ toYaml .Values.affinity | nindent 4 }}
  {{- else if include "throng.clustered" . }}
  affinity:
    podAntiAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
        - weight: 100
          podAffinityTerm:
            topologyKey: kubernetes.io/hostname
            labelSelector: { matchLabels: {{ include "throng.selector" . | fromYaml | toJson }} }
  {{- end }}
{{- end }}
