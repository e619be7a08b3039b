{{- define "vgateway.selector" -}}
app: vcluster
release: {{ .Release.Name }}
{{- end }}

{{- define "vgateway.labels" -}}
{{ include "vgateway.selector" . }}
app.kubernetes.io/name: vgateway
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: vgateway
{{- end }}

{{- /* Metadata of an object: (list $ name marks), where marks may have labels and annotations of the values. */ -}}
{{- define "vgateway.metadata" -}}
{{- $root := index . 0 -}}
{{- $marks := index . 2 -}}
name: {{ index . 1 }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- with $marks.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- include "vgateway.labels" $root | nindent 2 }}
{{- with $marks.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* The name of an image: (list image tag). */ -}}
{{- define "vgateway.image" -}}
{{- $image := index . 0 -}}
{{- with $image.registry }}{{ . }}/{{ end }}{{ $image.repository }}:{{ $image.tag | default (index . 1) }}
{{- end }}

{{- /* What goes into the pod: the values without Helm's own. */ -}}
{{- define "vgateway.values" -}}
{{- omit .Values.AsMap "global" | toYaml }}
{{- end }}

{{- /* vCluster's formula for a cluster-scoped name, with the end of a digest where it does not fit. */ -}}
{{- define "vgateway.clusterName" -}}
{{- $whole := printf "vcluster-gateway-x-%s-x-%s" .Release.Namespace .Release.Name -}}
{{- if le (len $whole) 63 }}{{ $whole }}{{ else }}
{{- printf "%s-%s" (trunc 52 $whole) (sha256sum $whole | trunc 10) | replace ".-" "-" }}{{ end }}
{{- end }}
