{{- define "neo4j-backup-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 48 | trimSuffix "-" }}
{{- end }}

{{- /* 48 characters leave room for the longest suffix within the 63 of a label and a Service's name. */}}
{{- define "neo4j-backup-operator.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $full .Values.fullnameOverride | trunc 48 | trimSuffix "-" }}
{{- end }}

{{- define "neo4j-backup-operator.serviceAccountName" -}}
{{- $default := ternary (include "neo4j-backup-operator.fullname" .) "default" .Values.serviceAccount.create }}
{{- default $default .Values.serviceAccount.name }}
{{- end }}

{{- define "neo4j-backup-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "neo4j-backup-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "neo4j-backup-operator.labels" -}}
{{ include "neo4j-backup-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: neo4j-backup-operator
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* An image's reference: (list $ image), with the registry that both images share. A digest takes the place of the default tag,
which would be one more thing to keep right. */}}
{{- define "neo4j-backup-operator.image" -}}
{{- $root := index . 0 }}
{{- $image := index . 1 }}
{{- with $root.Values.image.registry }}{{ trimSuffix "/" . }}/{{ end }}
{{- $image.repository }}
{{- $byDigest := or $image.digest (contains "@" $image.repository) }}
{{- with default (ternary "" $root.Chart.AppVersion (not (empty $byDigest))) $image.tag }}:{{ . }}{{ end }}
{{- with $image.digest }}@{{ . }}{{ end }}
{{- end }}

{{- /* The defaults of runners' pods as JSON, in the shape of spec.runner of Neo4jBackupSource and Neo4jBackupStorage. */}}
{{- define "neo4j-backup-operator.podDefaults" -}}
{{- $given := default dict .Values.podDefaults }}
{{- $profile := dict }}
{{- range $name, $value := $given }}
{{- if $value }}{{ $_ := set $profile $name $value }}{{ end }}
{{- end }}
{{- with concat (default list $given.imagePullSecrets) .Values.runnerImage.pullSecrets | uniq }}
{{- $_ := set $profile "imagePullSecrets" . }}
{{- end }}
{{- if eq .Values.userIds "FromCluster" }}
{{- $_ := set $profile "securityContext" (omit (default dict $profile.securityContext) "runAsUser" "runAsGroup" "fsGroup") }}
{{- end }}
{{- toPrettyJson $profile }}
{{- end }}

{{- /* All the operator may do, cluster-wide or in each watched namespace. Secrets are not among it. */}}
{{- define "neo4j-backup-operator.operatorRules" -}}
- apiGroups: [neo4jbackup.dev]
  resources: [neo4jbackups, neo4jbackupsources, neo4jbackupstorages, neo4jrestores, neo4jbackupchains, neo4jbackupschedules]
  verbs: [get, list, watch]
# What shows the chains of a storage is the operator's own; it goes with them.
- apiGroups: [neo4jbackup.dev]
  resources: [neo4jbackupchains]
  verbs: [create, delete]
# What schedules ask for.
- apiGroups: [neo4jbackup.dev]
  resources: [neo4jbackups]
  verbs: [create]
# For ttlAfterFinished.
- apiGroups: [neo4jbackup.dev]
  resources: [neo4jbackups, neo4jrestores]
  verbs: [delete]
- apiGroups: [neo4jbackup.dev]
  resources: [neo4jbackups/status, neo4jbackupsources/status, neo4jbackupstorages/status, neo4jrestores/status, neo4jbackupchains/status,
    neo4jbackupschedules/status]
  verbs: [patch]
# To own Jobs with blockOwnerDeletion where the cluster checks it.
- apiGroups: [neo4jbackup.dev]
  resources: [neo4jbackups/finalizers, neo4jbackupsources/finalizers, neo4jbackupstorages/finalizers, neo4jrestores/finalizers,
    neo4jbackupschedules/finalizers]
  verbs: [update]
# Jobs are created suspended, and resumed by a patch when their attempt has been recorded.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
# A pod whose runner has ended and that another container keeps alive is deleted when its claim is waited for.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, delete]
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get]
- apiGroups: [""]
  resources: [events]
  verbs: [list]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list]
{{- end }}
