{{- define "argus-otel.name" -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) | trunc 43 | trimSuffix "-" }}
{{- end }}

{{- define "argus-otel.selector" -}}
app.kubernetes.io/name: argus-otel
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "argus-otel.labels" -}}
{{ include "argus-otel.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "argus-otel.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default (printf "%s-%s" .Chart.AppVersion (ternary "embedded" "server" .Values.embedded.enabled)) }}
{{- end }}

{{- define "argus-otel.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "argus-otel.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- /* What cannot work, said before anything is made. */ -}}
{{- define "argus-otel.check" -}}
{{- if and .Values.embedded.enabled (gt (int .Values.replicas) 1) }}
{{- fail "embedded.enabled has one engine in one pod: set replicas to 1, or name a ClickHouse server" }}
{{- end }}
{{- if not (or .Values.embedded.enabled .Values.clickhouse.secret.name) }}
{{- fail "clickhouse.secret.name is empty: name a Secret with the URLs of your ClickHouse, or set embedded.enabled and replicas to 1" }}
{{- end }}
{{- if not (or .Values.token.secret.name .Values.workspaceTokens.secret.name .Values.token.anySender) }}
{{- fail "token.secret.name is empty: name a Secret with the token that senders present, or set token.anySender to keep nobody out" }}
{{- end }}
{{- end }}
