{{- define "pathbound.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end -}}
{{- end }}

{{/* Labels by which pods are found: they never change. Takes a dict with `root` and, for one role, `component`. */}}
{{- define "pathbound.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- define "pathbound.labels" -}}
{{ include "pathbound.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "pathbound.metadata" -}}
name: {{ include "pathbound.fullname" .root }}{{ with .component }}-{{ . }}{{ end }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "pathbound.labels" . | nindent 2 }}
{{- end }}

{{- define "pathbound.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end -}}
{{- end }}
{{- end }}

{{/* Every role that runs for good, as JSON: component to its values, its command and, for a consumer, its source. */}}
{{- define "pathbound.roles" -}}
{{- $roles := dict
  "api" (dict "values" .Values.api "args" (list "api"))
  "relay" (dict "values" .Values.relay "args" (list "relay")) }}
{{- range $source, $values := .Values.consumers }}
{{- if $values.enabled }}
{{- $_ := set $roles (printf "consumer-%s" $source) (dict "values" $values "args" (list "consume" $source) "source" $source) }}
{{- end }}
{{- end }}
{{- toJson $roles }}
{{- end }}

{{/* The topic that a source writes to (schemas/topics.py). */}}
{{- define "pathbound.topic" -}}
{{ .root.Values.kafka.topicPrefix }}
{{- get (dict "tracker" "tracker.events" "gmail" "gmail.messages" "intercom" "intercom.events") .source }}
{{- end }}
