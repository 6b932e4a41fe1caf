{{- define "clipn-gate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "clipn-gate.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "clipn-gate.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "clipn-gate.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "clipn-gate.selectorLabels" -}}
app.kubernetes.io/name: {{ include "clipn-gate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "clipn-gate.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "clipn-gate.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "clipn-gate.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "clipn-gate.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "clipn-gate.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- $tag := default (printf "%s%s" .Chart.AppVersion (ternary "-gpu" "" .Values.gpu.enabled)) .Values.image.tag }}
{{- printf "%s:%s" .Values.image.repository $tag }}
{{- end }}
{{- end }}

{{/* Seconds that a pod may take to end: all stages of the drain, and a reserve of five. */}}
{{- define "clipn-gate.gracePeriod" -}}
{{- with .Values.drain }}{{ add .preStopSeconds .delaySeconds .graceSeconds 5 }}{{ end }}
{{- end }}

{{/* Ports of the gate's upstream and fallbacks in other pods, as a list in JSON. Addresses of the pod itself need no rule. */}}
{{- define "clipn-gate.gatePorts" -}}
{{- $ports := list }}
{{- if .Values.gate.enabled }}
{{- $config := .Values.gate.config }}
{{- $urls := list (dig "upstream" "url" "" $config) (dig "defaults" "fallback" "" $config) }}
{{- range $config.routes }}{{ $urls = append $urls (dig "fallback" "" .) }}{{ end }}
{{- range compact $urls }}
{{- $url := urlParse . }}
{{- if not (regexMatch "^(localhost|127\\.[0-9.]+|\\[::1\\])(:[0-9]+)?$" $url.host) }}
{{- $port := regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) | default (ternary "443" "80" (eq $url.scheme "https")) }}
{{- $ports = append $ports (int $port) }}
{{- end }}
{{- end }}
{{- end }}
{{- $ports | uniq | toJson }}
{{- end }}

{{/* Refuses values that contradict each other, with a remedy. */}}
{{- define "clipn-gate.refuse" -}}
{{- $several := or (gt (int .Values.replicas) 1) .Values.autoscaling.enabled }}
{{- if and $several (eq .Values.store.kind "directory") }}
{{- fail "Several replicas with store.kind=directory would each have tenants of their own: set store.kind=postgres, or replicas=1 and autoscaling.enabled=false." }}
{{- end }}
{{- if and (eq .Values.store.kind "postgres") (not .Values.store.postgres.existingSecret) }}
{{- fail "store.kind=postgres needs store.postgres.existingSecret, a secret with the address of the database." }}
{{- end }}
{{- if and .Values.gate.enabled (not (dig "upstream" "url" "" .Values.gate.config)) }}
{{- fail "gate.enabled needs gate.config.upstream.url, the address of the classifier." }}
{{- end }}
{{- with .Values.bundle }}
{{- if and (eq .source "imageVolume") (not .imageVolume.reference) }}{{ fail "bundle.source=imageVolume needs bundle.imageVolume.reference." }}{{ end }}
{{- if and (eq .source "pvc") (not .pvc.claimName) }}{{ fail "bundle.source=pvc needs bundle.pvc.claimName." }}{{ end }}
{{- if and (eq .source "download") (not (and .download.url .download.sha256)) }}{{ fail "bundle.source=download needs bundle.download.url and bundle.download.sha256." }}{{ end }}
{{- end }}
{{- if and .Values.metrics.serviceMonitor.enabled .Values.metrics.podMonitor.enabled }}
{{- fail "metrics.serviceMonitor and metrics.podMonitor would both scrape every pod: enable one of them." }}
{{- end }}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
{{- fail "autoscaling.minReplicas is more than autoscaling.maxReplicas." }}
{{- end }}
{{- range $name, $_ := .Values.settings }}
{{- if has $name (list "CLIPN_HOST" "CLIPN_PORT" "CLIPN_GRPC_PORT" "CLIPN_DATA_DIR" "CLIPN_STORE" "CLIPN_BUNDLE" "CLIPN_DEVICE" "CLIPN_AUTH" "CLIPN_PUBLIC_HOSTS" "CLIPN_TENANTS_DIR" "CLIPN_OPEN_METRICS" "CLIPN_DRAIN_DELAY_MS" "CLIPN_SHUTDOWN_GRACE_MS") }}
{{- fail (printf "settings.%s: the chart sets it from other values." $name) }}
{{- end }}
{{- end }}
{{- end }}
