{{- define "vgateway.security" -}}
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
readOnlyRootFilesystem: true
{{- end }}

{{- /* A container of our image: (list $ name arguments). */ -}}
{{- define "vgateway.own" -}}
{{- $root := index . 0 -}}
{{- $workload := $root.Values.controlPlane.statefulSet -}}
name: {{ index . 1 }}
image: {{ include "vgateway.image" (list $workload.image $root.Chart.AppVersion) }}
{{- with $workload.imagePullPolicy }}
imagePullPolicy: {{ . }}
{{- end }}
args: {{ toJson (index . 2) }}
resources:
  {{- toYaml $workload.resources | nindent 2 }}
securityContext:
  {{- include "vgateway.security" $root | nindent 2 }}
volumeMounts:
  - {name: config, mountPath: /etc/vgateway, readOnly: true}
  - {name: run, mountPath: /run/vgateway}
  - {name: token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
{{- end }}

{{- /* A program of the virtual control plane: (list $ name component arguments). It has no identity on the host. */ -}}
{{- define "vgateway.program" -}}
{{- $root := index . 0 -}}
{{- $component := index . 2 -}}
name: {{ index . 1 }}
image: {{ include "vgateway.image" (list $component.image ($root.Values.controlPlane.distro.k8s.version | default "v1.36.3")) }}
{{- with $root.Values.controlPlane.statefulSet.imagePullPolicy }}
imagePullPolicy: {{ . }}
{{- end }}
command: [{{ index . 1 }}]
args:
  {{- index . 3 | trim | nindent 2 }}
  {{- range $component.extraArgs }}
  - {{ . | quote }}
  {{- end }}
resources:
  {{- toYaml $component.resources | nindent 2 }}
securityContext:
  {{- include "vgateway.security" $root | nindent 2 }}
{{- end }}

{{- define "vgateway.asked" -}}
httpGet: {path: {{ index . 0 }}, port: apiserver, scheme: HTTPS}
periodSeconds: {{ index . 1 }}
failureThreshold: {{ index . 2 }}
timeoutSeconds: 15
{{- end }}
