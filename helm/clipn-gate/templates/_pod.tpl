{{/* The pod of the Deployment or StatefulSet. */}}
{{- define "clipn-gate.pod" -}}
metadata:
  labels:
    {{- include "clipn-gate.selectorLabels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "clipn-gate.serviceAccountName" . }}
  automountServiceAccountToken: false
  # the variables that Kubernetes sets for services have names like settings of this program
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ include "clipn-gate.gracePeriod" . }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  securityContext:
    {{- include "clipn-gate.podSecurity" . | nindent 4 }}
  {{- if eq .Values.bundle.source "download" }}
  initContainers:
    - name: bundle
      image: {{ include "clipn-gate.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      command: [node, /script/fetch-bundle.mjs]
      args: [{{ .Values.bundle.download.url | quote }}, {{ .Values.bundle.download.sha256 | quote }}, /bundle]
      securityContext:
        {{- include "clipn-gate.containerSecurity" . | nindent 8 }}
      resources:
        requests: { cpu: 100m, memory: 128Mi }
        limits: { memory: 256Mi }
      volumeMounts:
        - { name: bundle, mountPath: /bundle }
        - { name: script, mountPath: /script, readOnly: true }
  {{- end }}
  containers:
    - name: clipn-gate
      image: {{ include "clipn-gate.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      {{- if .Values.gate.enabled }}
      args: [gate, --config, /gate/gate.yaml]
      {{- else }}
      args: [serve]
      {{- end }}
      ports:
        - { name: http, containerPort: 8080, protocol: TCP }
        {{- if .Values.gate.enabled }}
        - { name: gate, containerPort: {{ .Values.gate.port }}, protocol: TCP }
        {{- end }}
        {{- if .Values.grpc.enabled }}
        - { name: grpc, containerPort: {{ .Values.grpc.port }}, protocol: TCP }
        {{- end }}
      env:
        {{- include "clipn-gate.env" . | nindent 8 }}
      startupProbe:
        httpGet: { path: /livez, port: http }
        {{- toYaml .Values.probes.startup | nindent 8 }}
      livenessProbe:
        httpGet: { path: /livez, port: http }
        {{- toYaml .Values.probes.liveness | nindent 8 }}
      readinessProbe:
        httpGet: { path: /readyz, port: http }
        {{- toYaml .Values.probes.readiness | nindent 8 }}
      {{- if gt (int .Values.drain.preStopSeconds) 0 }}
      lifecycle:
        preStop:
          sleep: { seconds: {{ .Values.drain.preStopSeconds }} }
      {{- end }}
      securityContext:
        {{- include "clipn-gate.containerSecurity" . | nindent 8 }}
      resources:
        {{- include "clipn-gate.resources" . | nindent 8 }}
      volumeMounts:
        - { name: data, mountPath: /data }
        {{- if ne .Values.bundle.source "embedded" }}
        - { name: bundle, mountPath: /bundle, readOnly: true }
        {{- end }}
        {{- if .Values.tenants }}
        - { name: tenants, mountPath: /tenants, readOnly: true }
        {{- end }}
        {{- if .Values.gate.enabled }}
        - { name: gate, mountPath: /gate, readOnly: true }
        {{- end }}
        {{- if .Values.auth.existingSecret }}
        # a separate volume, so that the folder around the keys is writable
        - { name: access, mountPath: /data/access }
        - { name: keys, mountPath: /data/access/keys, readOnly: true }
        {{- end }}
        {{- if .Values.events.existingSecret }}
        - { name: event-secrets, mountPath: /event-secrets, readOnly: true }
        {{- end }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- if .Values.tenants }}
    - name: tenants
      configMap:
        name: {{ include "clipn-gate.fullname" . }}-tenants
    {{- end }}
    {{- if .Values.gate.enabled }}
    - name: gate
      configMap:
        name: {{ include "clipn-gate.fullname" . }}-gate
    {{- end }}
    {{- if not .Values.persistence.enabled }}
    - name: data
      emptyDir:
        sizeLimit: {{ .Values.dataSizeLimit }}
    {{- end }}
    {{- with .Values.auth.existingSecret }}
    - name: access
      emptyDir:
        sizeLimit: 16Mi
    - name: keys
      secret:
        secretName: {{ . }}
    {{- end }}
    {{- with .Values.events.existingSecret }}
    - name: event-secrets
      secret:
        secretName: {{ . }}
    {{- end }}
    {{- include "clipn-gate.bundleVolumes" . | nindent 4 }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range . }}
    - {{ toYaml . | nindent 6 | trim }}
      labelSelector:
        matchLabels:
          {{- include "clipn-gate.selectorLabels" $ | nindent 10 }}
    {{- end }}
  {{- end }}
{{- end }}

{{/* The restricted profile of pod security. */}}
{{- define "clipn-gate.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "clipn-gate.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "clipn-gate.resources" -}}
{{- $resources := deepCopy .Values.resources }}
{{- if .Values.gpu.enabled }}
{{- $_ := set $resources "limits" (merge (dict .Values.gpu.resource .Values.gpu.count) (default dict $resources.limits)) }}
{{- end }}
{{- toYaml $resources }}
{{- end }}

{{- /* the names under which requests reach the pods: those of the Service, and auth.publicHosts */ -}}
{{- define "clipn-gate.publicHosts" -}}
{{- $name := include "clipn-gate.fullname" . }}
{{- $inside := printf "%s.%s" $name .Release.Namespace }}
{{- join "," (concat (list $name $inside (printf "%s.svc" $inside) (printf "%s.svc.%s" $inside .Values.auth.clusterDomain)) .Values.auth.publicHosts) }}
{{- end }}

{{- define "clipn-gate.env" -}}
- { name: CLIPN_HOST, value: "::" }
- { name: CLIPN_PORT, value: "8080" }
{{- with .Values.events.urls }}
- { name: CLIPN_EVENT_URLS, value: {{ join "," . | quote }} }
{{- end }}
{{- if .Values.events.existingSecret }}
- { name: CLIPN_EVENT_SECRETS_DIR, value: /event-secrets }
{{- end }}
{{- if .Values.grpc.enabled }}
- { name: CLIPN_GRPC_PORT, value: {{ .Values.grpc.port | quote }} }
{{- end }}
- { name: CLIPN_DATA_DIR, value: /data }
- { name: CLIPN_BUNDLE, value: {{ include "clipn-gate.bundlePath" . }} }
- { name: CLIPN_DEVICE, value: {{ ternary .Values.gpu.device "cpu" .Values.gpu.enabled }} }
- { name: CLIPN_AUTH, value: {{ .Values.auth.mode | quote }} }
- { name: CLIPN_PUBLIC_HOSTS, value: {{ include "clipn-gate.publicHosts" . | quote }} }
- { name: CLIPN_OPEN_METRICS, value: {{ .Values.auth.openMetrics | quote }} }
- { name: CLIPN_DRAIN_DELAY_MS, value: "{{ .Values.drain.delaySeconds }}s" }
- { name: CLIPN_SHUTDOWN_GRACE_MS, value: "{{ .Values.drain.graceSeconds }}s" }
{{- if eq .Values.store.kind "postgres" }}
- name: CLIPN_STORE
  valueFrom:
    secretKeyRef:
      name: {{ .Values.store.postgres.existingSecret }}
      key: {{ .Values.store.postgres.key }}
{{- end }}
{{- if .Values.tenants }}
- { name: CLIPN_TENANTS_DIR, value: /tenants }
{{- end }}
{{- with .Values.tracing }}
{{- if .endpoint }}
- { name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ .endpoint | quote }} }
- { name: OTEL_EXPORTER_OTLP_PROTOCOL, value: {{ .protocol | quote }} }
- { name: OTEL_SERVICE_NAME, value: {{ include "clipn-gate.fullname" $ | quote }} }
- { name: OTEL_TRACES_SAMPLER, value: {{ .sampler | quote }} }
{{- with .samplerArg }}
- { name: OTEL_TRACES_SAMPLER_ARG, value: {{ . | quote }} }
{{- end }}
{{- if .headersSecret }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom:
    secretKeyRef:
      name: {{ .headersSecret }}
      key: {{ .headersKey }}
{{- end }}
{{- end }}
{{- end }}
{{- range $name, $value := .Values.settings }}
- name: {{ $name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "clipn-gate.bundlePath" -}}
{{- if eq .Values.bundle.source "embedded" -}}
clipn-small
{{- else -}}
{{ printf "/bundle/%s" .Values.bundle.path | trimSuffix "/" }}
{{- end }}
{{- end }}

{{- define "clipn-gate.bundleVolumes" -}}
{{- with .Values.bundle }}
{{- if eq .source "imageVolume" -}}
- name: bundle
  image:
    {{- toYaml .imageVolume | nindent 4 }}
{{- else if eq .source "pvc" -}}
- name: bundle
  persistentVolumeClaim:
    claimName: {{ .pvc.claimName }}
    readOnly: true
{{- else if eq .source "download" -}}
- name: bundle
  emptyDir:
    sizeLimit: {{ .download.sizeLimit }}
- name: script
  configMap:
    name: {{ include "clipn-gate.fullname" $ }}-scripts
{{- end }}
{{- end }}
{{- end }}
