{{/* Name of everything that there is once per release. */}}
{{- define "faas.name" -}}
{{- if contains "faas" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-faas" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "faas.selector" -}}
app.kubernetes.io/name: faas
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "faas.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "faas.selector" . }}
{{- end }}

{{- define "faas.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* Who serves the API: the controller, or the only server. */}}
{{- define "faas.admin" -}}
{{ include "faas.name" . }}-{{ ternary "server" "controller" (eq .Values.profile "single") }}
{{- end }}

{{/* The variable with the address of that service. */}}
{{- define "faas.adminAddress" -}}
{{ include "faas.admin" . | upper | replace "-" "_" }}_SERVICE_HOST
{{- end }}

{{- define "faas.restricted" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "faas.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{/* Names under which the parts are asked: others get 421. */}}
{{- define "faas.hosts" -}}
{{- $hosts := list }}
{{- range list (include "faas.admin" .) (printf "%s-gateway" (include "faas.name" .)) }}
{{- $hosts = concat $hosts (list . (printf "%s.%s" . $.Release.Namespace) (printf "%s.%s.svc" . $.Release.Namespace) (printf "%s.%s.svc.cluster.local" . $.Release.Namespace)) }}
{{- end }}
{{- with .Values.gateway.ingress.host }}{{ $hosts = append $hosts . }}{{ end }}
{{- with index .Values.settings "FAAS_HOSTS" }}{{ $hosts = append $hosts . }}{{ end }}
{{- join "," $hosts }}
{{- end }}

{{/* Settings of every server, as variables. */}}
{{- define "faas.settings" -}}
FAAS_LOG_FORMAT: json
FAAS_DATA: /data
FAAS_ADMIN_HOST: 0.0.0.0
FAAS_ADMIN_PORT: '7070'
FAAS_ADMIN_TOKEN_FILE: /etc/faas/own/token
FAAS_GATEWAY_HOST: 0.0.0.0
FAAS_GATEWAY_PORT: '7071'
FAAS_GATEWAY_ALLOW_UNVERIFIED: {{ .Values.gateway.allowUnverified | quote }}
FAAS_CLUSTER_SECRET_FILE: /etc/faas/own/cluster
FAAS_PODS_POOL: {{ .Values.functions.pool | quote }}
FAAS_PODS_MAX: {{ .Values.functions.max | quote }}
FAAS_KUBERNETES_IMAGE: {{ include "faas.image" . | quote }}
FAAS_KUBERNETES_NAMESPACE: {{ .Release.Namespace | quote }}
FAAS_KUBERNETES_SERVICE_ACCOUNT: {{ include "faas.name" . }}-functions
FAAS_KUBERNETES_CPU: {{ .Values.functions.cpu | quote }}
FAAS_KUBERNETES_IMAGE_PULL_POLICY: {{ .Values.image.pullPolicy }}
{{- $fields := dict }}
{{- with .Values.nodeSelector }}{{ $_ := set $fields "nodeSelector" . }}{{ end }}
{{- with .Values.tolerations }}{{ $_ := set $fields "tolerations" . }}{{ end }}
{{- with .Values.image.pullSecrets }}{{ $_ := set $fields "imagePullSecrets" . }}{{ end }}
{{- if $fields }}
FAAS_KUBERNETES_POD_FIELDS: {{ toJson $fields | quote }}
{{- end }}
FAAS_SHUTDOWN_DELAY: 3s
{{- if .Values.webhookSecrets }}
FAAS_SECRETS_DIR: /etc/faas/webhooks
{{- end }}
{{- if eq .Values.profile "distributed" }}
FAAS_STREAMS: {{ printf "%s://%s" (ternary "kafkas" "kafka" .Values.kafka.tls.enabled) (join "," .Values.kafka.brokers) | quote }}
FAAS_KAFKA_REPLICATION: {{ .Values.kafka.replication | quote }}
FAAS_KAFKA_COMPRESSION: {{ .Values.kafka.compression | quote }}
FAAS_STATE: {{ .Values.redis.url | quote }}
{{- if ne .Values.kafka.sasl.mechanism "none" }}
FAAS_KAFKA_SASL: {{ .Values.kafka.sasl.mechanism | quote }}
FAAS_KAFKA_USERNAME: {{ .Values.kafka.sasl.username | quote }}
FAAS_KAFKA_PASSWORD_FILE: /etc/faas/kafka/{{ .Values.kafka.sasl.passwordKey }}
{{- end }}
{{- if .Values.kafka.tls.secret }}
FAAS_KAFKA_CA: /etc/faas/kafka-tls/ca.crt
{{- if .Values.kafka.tls.clientCertificate }}
FAAS_KAFKA_CERT: /etc/faas/kafka-tls/tls.crt
FAAS_KAFKA_KEY: /etc/faas/kafka-tls/tls.key
{{- end }}
{{- end }}
{{- if .Values.redis.passwordSecret }}
FAAS_STATE_PASSWORD_FILE: /etc/faas/redis/{{ .Values.redis.passwordKey }}
{{- end }}
{{- if .Values.redis.tls.secret }}
FAAS_STATE_CA: /etc/faas/redis-tls/ca.crt
{{- if .Values.redis.tls.clientCertificate }}
FAAS_STATE_CERT: /etc/faas/redis-tls/tls.crt
FAAS_STATE_KEY: /etc/faas/redis-tls/tls.key
{{- end }}
{{- end }}
{{- end }}
{{- with omit .Values.settings "FAAS_HOSTS" }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Of every server: what its files are mounted from. */}}
{{- define "faas.volumes" -}}
- name: own
  secret:
    secretName: {{ .Values.secret.name }}
    items: [{ key: {{ .Values.secret.tokenKey }}, path: token }, { key: {{ .Values.secret.clusterKey }}, path: cluster }]
- { name: tmp, emptyDir: {} }
{{- if .Values.webhookSecrets }}
- name: webhooks
  projected:
    sources: [{{ range $index, $name := .Values.webhookSecrets }}{{ if $index }}, {{ end }}{ secret: { name: {{ $name }} } }{{ end }}]
{{- end }}
{{- if eq .Values.profile "distributed" }}
{{- if ne .Values.kafka.sasl.mechanism "none" }}
- { name: kafka, secret: { secretName: {{ .Values.kafka.sasl.passwordSecret }} } }
{{- end }}
{{- with .Values.kafka.tls.secret }}
- { name: kafka-tls, secret: { secretName: {{ . }} } }
{{- end }}
{{- with .Values.redis.passwordSecret }}
- { name: redis, secret: { secretName: {{ . }} } }
{{- end }}
{{- with .Values.redis.tls.secret }}
- { name: redis-tls, secret: { secretName: {{ . }} } }
{{- end }}
{{- end }}
{{- end }}

{{- define "faas.mounts" -}}
- { name: own, mountPath: /etc/faas/own, readOnly: true }
- { name: data, mountPath: /data }
- { name: tmp, mountPath: /tmp }
{{- if .Values.webhookSecrets }}
- { name: webhooks, mountPath: /etc/faas/webhooks, readOnly: true }
{{- end }}
{{- if eq .Values.profile "distributed" }}
{{- if ne .Values.kafka.sasl.mechanism "none" }}
- { name: kafka, mountPath: /etc/faas/kafka, readOnly: true }
{{- end }}
{{- if .Values.kafka.tls.secret }}
- { name: kafka-tls, mountPath: /etc/faas/kafka-tls, readOnly: true }
{{- end }}
{{- if .Values.redis.passwordSecret }}
- { name: redis, mountPath: /etc/faas/redis, readOnly: true }
{{- end }}
{{- if .Values.redis.tls.secret }}
- { name: redis-tls, mountPath: /etc/faas/redis-tls, readOnly: true }
{{- end }}
{{- end }}
{{- end }}

{{/* Not empty where a Lease says who leads. */}}
{{- define "faas.byLease" -}}
{{- if eq (index .Values.settings "FAAS_LEADERSHIP" | default "store") "lease" }}true{{ end }}
{{- end }}

{{/*
A pod of a server. A dict of `root`, `part` (its name), `roles`, `resources`, and `claim` for a server that keeps data.
What it handles goes on for `shutdown.delay` after SIGTERM, then for `shutdown.grace` at most.
*/}}
{{- define "faas.pod" -}}
metadata:
  labels:
    {{- include "faas.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .part }}
    faas.internal/process: server
  annotations:
    faas.internal/settings: {{ include "faas.settings" .root | sha256sum }}
spec:
  serviceAccountName: {{ include "faas.name" .root }}-{{ .part }}
  automountServiceAccountToken: {{ if or (ne .part "gateway") (include "faas.byLease" .root) }}true{{ else }}false{{ end }}
  terminationGracePeriodSeconds: 45
  securityContext:
    {{- include "faas.podSecurity" .root | nindent 4 }}
  {{- with .root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .root.Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .root.Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "faas.selector" .root | nindent 10 }}
          app.kubernetes.io/component: {{ .part }}
  containers:
    - name: faas
      image: {{ include "faas.image" .root }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      args: [/app/dist/cli/main.js, up]
      envFrom:
        - configMapRef: { name: {{ include "faas.name" .root }} }
      env:
        - { name: FAAS_ROLES, value: {{ .roles | quote }} }
        {{- if ne .part "gateway" }}
        - { name: FAAS_PODS, value: kubernetes }
        - { name: FAAS_POD_NAME, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
        - { name: FAAS_POD_UID, valueFrom: { fieldRef: { fieldPath: metadata.uid } } }
        {{- end }}
        {{- if contains "controller" .roles }}
        - { name: FAAS_KUBERNETES_RESOURCES, value: 'true' }
        {{- end }}
        # Its names, and the address of its service, which the cluster tells to pods that start after it.
        - { name: FAAS_HOSTS, value: '{{ include "faas.hosts" .root }},$({{ include "faas.adminAddress" .root }})' }
        - { name: POD_IP, valueFrom: { fieldRef: { fieldPath: status.podIP } } }
        - { name: FAAS_CLUSTER_ADDRESS, value: 'http://$(POD_IP):7070' }
      ports:
        - { name: admin, containerPort: 7070 }
        - { name: gateway, containerPort: 7071 }
      startupProbe:
        httpGet: { path: /healthz, port: admin }
        periodSeconds: 1
        failureThreshold: 60
      livenessProbe:
        httpGet: { path: /healthz, port: admin }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: { path: /readyz, port: admin }
        periodSeconds: 2
        timeoutSeconds: 3
        failureThreshold: 2
      resources:
        {{- toYaml .resources | nindent 8 }}
      securityContext:
        {{- include "faas.restricted" .root | nindent 8 }}
      volumeMounts:
        {{- include "faas.mounts" .root | nindent 8 }}
  volumes:
    {{- include "faas.volumes" .root | nindent 4 }}
    {{- if .claim }}
    - { name: data, persistentVolumeClaim: { claimName: {{ .claim }} } }
    {{- else }}
    - { name: data, emptyDir: {} }
    {{- end }}
{{- end }}
