{{- define "cjstream.name" -}}
{{- if contains "cjstream" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-cjstream" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "cjstream.selector" -}}
app.kubernetes.io/name: cjstream
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "cjstream.labels" -}}
{{ include "cjstream.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "cjstream.image" -}}
{{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end }}

{{/* Environment of everything that talks to Kafka: settings, and settings that name a file. */}}
{{- define "cjstream.environment" -}}
{{- if not .Values.settings.CJSTREAM_KAFKA__BOOTSTRAP_SERVERS }}
{{- fail "set settings.CJSTREAM_KAFKA__BOOTSTRAP_SERVERS to your brokers, host:port" }}
{{- end }}
{{- range $name, $value := .Values.settings }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- range $name, $file := .Values.files }}
{{- if hasKey $.Values.settings $name }}{{ fail (printf "%s is in settings and in files: keep one" $name) }}{{ end }}
- {name: {{ $name }}, value: {{ printf "/etc/cjstream/files/%s" $name | quote }}}
{{- end }}
{{- end }}

{{/* Mounted whole, not by subPath. */}}
{{- define "cjstream.fileMounts" -}}
{{- if .Values.files }}
- {name: files, mountPath: /etc/cjstream/files, readOnly: true}
{{- end }}
{{- end }}

{{- define "cjstream.fileVolumes" -}}
{{- if .Values.files }}
- name: files
  projected:
    defaultMode: 0440
    sources:
      {{- range $name, $file := .Values.files }}
      - secret: {name: {{ $file.secret }}, items: [{key: {{ $file.key | quote }}, path: {{ $name }}}]}
      {{- end }}
{{- end }}
{{- end }}

{{/* The image's user and group; fsGroup lets it read secrets and write its volume. */}}
{{- define "cjstream.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "cjstream.security" -}}
{readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
{{- end }}
