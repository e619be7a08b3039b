{{- /* Made by deploy/helm/generate; do not edit. */ -}}
{{- define "vgateway.roleRules" -}}
- apiGroups: [""]
  resources: ["configmaps"]
  verbs: ["create", "delete", "get", "list", "patch", "watch"]
- apiGroups: [""]
  resources: ["pods"]
  verbs: ["create", "delete", "get", "list", "patch", "watch"]
- apiGroups: [""]
  resources: ["pods/ephemeralcontainers"]
  verbs: ["patch"]
- apiGroups: [""]
  resources: ["pods/resize"]
  verbs: ["patch"]
- apiGroups: [""]
  resources: ["pods/status"]
  verbs: ["patch"]
- apiGroups: [""]
  resources: ["secrets"]
  verbs: ["create", "delete", "get", "list", "patch", "watch"]
- apiGroups: [""]
  resources: ["services"]
  verbs: ["delete", "get", "list", "watch"]
- apiGroups: [""]
  resources: ["pods/log"]
  verbs: ["get"]
- apiGroups: [""]
  resources: ["pods/exec", "pods/attach", "pods/portforward"]
  verbs: ["create", "get"]
- apiGroups: ["metrics.k8s.io"]
  resources: ["pods"]
  verbs: ["list"]
- apiGroups: [""]
  resources: ["events"]
  verbs: ["create"]
{{- if eq (dig "sync" "toHost" "services" "enabled" true .Values.AsMap | toString) "true" }}
- apiGroups: [""]
  resources: ["services"]
  verbs: ["create", "patch"]
{{- end }}
{{- if eq (dig "sync" "toHost" "endpoints" "enabled" true .Values.AsMap | toString) "true" }}
- apiGroups: [""]
  resources: ["endpoints"]
  verbs: ["create", "delete", "get", "list", "patch", "watch"]
{{- end }}
{{- if eq (dig "sync" "toHost" "endpointSlices" "enabled" true .Values.AsMap | toString) "true" }}
- apiGroups: ["discovery.k8s.io"]
  resources: ["endpointslices"]
  verbs: ["create", "delete", "get", "list", "patch", "watch"]
{{- end }}
{{- if eq (dig "sync" "toHost" "persistentVolumeClaims" "enabled" true .Values.AsMap | toString) "true" }}
- apiGroups: [""]
  resources: ["persistentvolumeclaims"]
  verbs: ["create", "delete", "get", "list", "patch", "watch"]
{{- end }}
{{- if eq (dig "sync" "toHost" "persistentVolumes" "enabled" false .Values.AsMap | toString) "true" }}
- apiGroups: [""]
  resources: ["persistentvolumeclaims"]
  verbs: ["create", "delete", "get", "list", "patch", "watch"]
{{- end }}
{{- if eq (dig "sync" "toHost" "volumeSnapshots" "enabled" false .Values.AsMap | toString) "true" }}
- apiGroups: ["snapshot.storage.k8s.io"]
  resources: ["volumesnapshots"]
  verbs: ["create", "delete", "get", "list", "patch", "watch"]
{{- end }}
{{- if eq (dig "sync" "toHost" "volumeSnapshotContents" "enabled" false .Values.AsMap | toString) "true" }}
- apiGroups: ["snapshot.storage.k8s.io"]
  resources: ["volumesnapshots"]
  verbs: ["create", "delete", "get", "list", "patch", "watch"]
{{- end }}
{{- if eq (dig "sync" "toHost" "podDisruptionBudgets" "enabled" false .Values.AsMap | toString) "true" }}
- apiGroups: ["policy"]
  resources: ["poddisruptionbudgets"]
  verbs: ["create", "delete", "get", "list", "patch", "watch"]
{{- end }}
{{- if eq (dig "sync" "toHost" "serviceAccounts" "enabled" false .Values.AsMap | toString) "true" }}
- apiGroups: [""]
  resources: ["serviceaccounts"]
  verbs: ["create", "delete", "get", "list", "patch", "watch"]
{{- end }}
{{- if eq (dig "sync" "toHost" "ingresses" "enabled" false .Values.AsMap | toString) "true" }}
- apiGroups: ["networking.k8s.io"]
  resources: ["ingresses"]
  verbs: ["create", "delete", "get", "list", "patch", "watch"]
{{- end }}
{{- if eq (dig "sync" "toHost" "networkPolicies" "enabled" false .Values.AsMap | toString) "true" }}
- apiGroups: ["networking.k8s.io"]
  resources: ["networkpolicies"]
  verbs: ["create", "delete", "get", "list", "patch", "watch"]
{{- end }}
{{- if eq (dig "sync" "toHost" "resourceClaims" "enabled" false .Values.AsMap | toString) "true" }}
- apiGroups: ["resource.k8s.io"]
  resources: ["resourceclaims"]
  verbs: ["create", "delete", "get", "list", "patch", "watch"]
{{- end }}
{{- if eq (dig "sync" "toHost" "resourceClaimTemplates" "enabled" false .Values.AsMap | toString) "true" }}
- apiGroups: ["resource.k8s.io"]
  resources: ["resourceclaimtemplates"]
  verbs: ["create", "delete", "get", "list", "patch", "watch"]
{{- end }}
{{- if eq (dig "sync" "fromHost" "events" "enabled" true .Values.AsMap | toString) "true" }}
- apiGroups: [""]
  resources: ["events"]
  verbs: ["get", "list", "watch"]
{{- end }}
{{- if eq (dig "networking" "advanced" "proxyKubelets" "byIP" false .Values.AsMap | toString) "true" }}
- apiGroups: [""]
  resources: ["services"]
  verbs: ["create", "patch"]
- apiGroups: ["discovery.k8s.io"]
  resources: ["endpointslices"]
  verbs: ["create", "delete", "get", "list", "patch", "watch"]
{{- end }}
{{- if eq (dig "policies" "networkPolicy" "enabled" false .Values.AsMap | toString) "true" }}
- apiGroups: ["networking.k8s.io"]
  resources: ["networkpolicies"]
  verbs: ["create", "delete", "get", "list", "patch", "watch"]
{{- end }}
{{- if hasKey (dig "policies" "networkPolicy" (dict) .Values.AsMap) "enabled" }}
- apiGroups: ["networking.k8s.io"]
  resources: ["networkpolicies"]
  verbs: ["delete", "get", "list", "watch"]
{{- end }}
{{- end }}

{{- define "vgateway.clusterRules" -}}
{{- if eq (dig "sync" "toHost" "persistentVolumes" "enabled" false .Values.AsMap | toString) "true" }}
- apiGroups: [""]
  resources: ["persistentvolumes"]
  verbs: ["create", "delete", "get", "list", "patch", "watch"]
{{- end }}
{{- if eq (dig "sync" "toHost" "storageClasses" "enabled" false .Values.AsMap | toString) "true" }}
- apiGroups: ["storage.k8s.io"]
  resources: ["storageclasses"]
  verbs: ["create", "delete", "get", "list", "patch", "watch"]
{{- end }}
{{- if eq (dig "sync" "toHost" "volumeSnapshotContents" "enabled" false .Values.AsMap | toString) "true" }}
- apiGroups: ["apiextensions.k8s.io"]
  resources: ["customresourcedefinitions"]
  verbs: ["get", "list", "watch"]
- apiGroups: ["snapshot.storage.k8s.io"]
  resources: ["volumesnapshotcontents"]
  verbs: ["create", "delete", "get", "list", "patch", "watch"]
{{- end }}
{{- if eq (dig "sync" "toHost" "priorityClasses" "enabled" false .Values.AsMap | toString) "true" }}
- apiGroups: ["scheduling.k8s.io"]
  resources: ["priorityclasses"]
  verbs: ["create", "delete", "get", "list", "patch", "watch"]
{{- end }}
{{- if eq (dig "sync" "fromHost" "storageClasses" "enabled" false .Values.AsMap | toString) "true" }}
- apiGroups: ["storage.k8s.io"]
  resources: ["storageclasses"]
  verbs: ["get", "list", "watch"]
{{- end }}
{{- if eq (dig "sync" "fromHost" "ingressClasses" "enabled" false .Values.AsMap | toString) "true" }}
- apiGroups: ["networking.k8s.io"]
  resources: ["ingressclasses"]
  verbs: ["get", "list", "watch"]
{{- end }}
{{- if eq (dig "sync" "fromHost" "runtimeClasses" "enabled" false .Values.AsMap | toString) "true" }}
- apiGroups: ["node.k8s.io"]
  resources: ["runtimeclasses"]
  verbs: ["get", "list", "watch"]
{{- end }}
{{- if eq (dig "sync" "fromHost" "priorityClasses" "enabled" false .Values.AsMap | toString) "true" }}
- apiGroups: ["scheduling.k8s.io"]
  resources: ["priorityclasses"]
  verbs: ["get", "list", "watch"]
{{- end }}
{{- if eq (dig "sync" "fromHost" "csiDrivers" "enabled" false .Values.AsMap | toString) "true" }}
- apiGroups: ["storage.k8s.io"]
  resources: ["csidrivers"]
  verbs: ["get", "list", "watch"]
{{- end }}
{{- if eq (dig "sync" "fromHost" "csiNodes" "enabled" false .Values.AsMap | toString) "true" }}
- apiGroups: ["storage.k8s.io"]
  resources: ["csinodes"]
  verbs: ["get", "list", "watch"]
{{- end }}
{{- if eq (dig "sync" "fromHost" "csiStorageCapacities" "enabled" false .Values.AsMap | toString) "true" }}
- apiGroups: ["storage.k8s.io"]
  resources: ["csistoragecapacities"]
  verbs: ["get", "list", "watch"]
{{- end }}
{{- if eq (dig "sync" "fromHost" "volumeSnapshotClasses" "enabled" false .Values.AsMap | toString) "true" }}
- apiGroups: ["apiextensions.k8s.io"]
  resources: ["customresourcedefinitions"]
  verbs: ["get", "list", "watch"]
- apiGroups: ["snapshot.storage.k8s.io"]
  resources: ["volumesnapshotclasses"]
  verbs: ["get", "list", "watch"]
{{- end }}
{{- if eq (dig "sync" "fromHost" "nodes" "enabled" false .Values.AsMap | toString) "true" }}
- apiGroups: [""]
  resources: ["nodes"]
  verbs: ["get", "list", "watch"]
{{- end }}
{{- if eq (dig "sync" "fromHost" "deviceClasses" "enabled" false .Values.AsMap | toString) "true" }}
- apiGroups: ["resource.k8s.io"]
  resources: ["deviceclasses"]
  verbs: ["get", "list", "watch"]
{{- end }}
{{- if or (eq (dig "controlPlane" "kubelet" "nodeMetrics" false .Values.AsMap | toString) "true") (and (eq (dig "sync" "fromHost" "nodes" "enabled" false .Values.AsMap | toString) "true") (or (eq (dig "networking" "advanced" "proxyKubelets" "byHostname" true .Values.AsMap | toString) "true") (eq (dig "networking" "advanced" "proxyKubelets" "byIP" false .Values.AsMap | toString) "true"))) }}
- apiGroups: [""]
  resources: ["nodes/proxy"]
  verbs: ["get"]
{{- end }}
{{- if and (eq (dig "integrations" "metricsServer" "enabled" false .Values.AsMap | toString) "true") (eq (dig "integrations" "metricsServer" "nodes" true .Values.AsMap | toString) "true") (or (eq (dig "sync" "fromHost" "nodes" "enabled" false .Values.AsMap | toString) "true") (eq (dig "controlPlane" "kubelet" "nodeMetrics" false .Values.AsMap | toString) "true")) }}
- apiGroups: ["metrics.k8s.io"]
  resources: ["nodes"]
  verbs: ["list"]
{{- end }}
{{- end }}
