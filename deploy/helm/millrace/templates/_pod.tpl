{{/* What the Deployment and the test share. */}}

{{- define "millrace.environment" -}}
{{- $root := index . 0 }}
{{- $secrets := index . 1 }}
{{- $folder := index . 2 }}
{{- $peers := index . 3 }}
{{- include "millrace.secretEnv" (list $secrets $folder $root.Values.secretsAs) }}
{{- range include "millrace.certificates" $root | fromYamlArray }}
{{- if has .peer $peers }}
- name: {{ .env }}
  value: /run/millrace/tls/{{ .path }}
{{- end }}
{{- end }}
{{- end }}

{{- define "millrace.envFrom" -}}
{{- with .Values.extraEnvFrom }}
{{ toYaml . }}
{{- end }}
- configMapRef:
    name: {{ include "millrace.fullname" . }}
{{- end }}

{{/* Environment of the process that does the work. */}}
{{- define "millrace.env" -}}
{{- include "millrace.environment" (list . (include "millrace.secrets" . | fromYaml) "/run/millrace/secrets" (list "rabbitmq" "database" "minio" "otlp")) }}
{{- if .Values.migration.enabled }}
- name: DATABASE_AUTO_MIGRATE
  value: "false"
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Environment of the migration: the database and nothing else. */}}
{{- define "millrace.migrationEnv" -}}
{{- $from := get (include "millrace.secrets" . | fromYaml) "DATABASE_URL" }}
{{- $folder := "/run/millrace/secrets" }}
{{- if .Values.migration.databaseUrl.name }}
{{- $from = dict "name" .Values.migration.databaseUrl.name "key" (default "DATABASE_URL" .Values.migration.databaseUrl.key) }}
{{- $folder = "/run/millrace/migration" }}
{{- end }}
{{- $secrets := dict }}
{{- if $from }}{{ $_ := set $secrets "DATABASE_URL" $from }}{{ end }}
{{- include "millrace.environment" (list . $secrets $folder (list "database")) }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "millrace.secretMounts" -}}
{{- if and (eq .Values.secretsAs "files") (include "millrace.secrets" . | fromYaml) }}
- name: secrets
  mountPath: /run/millrace/secrets
  readOnly: true
{{- end }}
{{- end }}

{{- define "millrace.certificateMounts" -}}
{{- if include "millrace.certificates" . | fromYamlArray }}
- name: tls
  mountPath: /run/millrace/tls
  readOnly: true
{{- end }}
{{- end }}

{{/* No subPath anywhere: a file that is mounted by one never changes when its Secret does. */}}
{{- define "millrace.volumes" -}}
{{- $secrets := include "millrace.secrets" . | fromYaml }}
{{- if and (eq .Values.secretsAs "files") $secrets }}
- name: secrets
  projected:
    defaultMode: 288 # 0440
    sources:
      {{- include "millrace.secretSources" $secrets | trim | nindent 6 }}
{{- end }}
{{- with include "millrace.certificates" . | fromYamlArray }}
- name: tls
  projected:
    defaultMode: 288 # 0440
    sources:
      {{- range . }}
      - {{ .kind }}:
          name: {{ .name | quote }}
          items:
            - key: {{ .key | quote }}
              path: {{ .path }}
      {{- end }}
{{- end }}
{{- end }}

{{/* The migration's own secret is a volume of its own, so that the worker cannot read it. */}}
{{- define "millrace.migrationVolume" -}}
{{- $own := .Values.migration.databaseUrl }}
{{- if and .Values.migration.enabled $own.name (eq .Values.secretsAs "files") }}
- name: migration
  projected:
    defaultMode: 288 # 0440
    sources:
      {{- include "millrace.secretSources" (dict "DATABASE_URL" (dict "name" $own.name "key" (default "DATABASE_URL" $own.key))) | trim | nindent 6 }}
{{- end }}
{{- end }}

{{/* All that is mounted into the worker, the chart's and yours. */}}
{{- define "millrace.mounts" -}}
{{- include "millrace.secretMounts" . }}
{{- include "millrace.certificateMounts" . }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "millrace.migrationMounts" -}}
{{- if include "millrace.migrationVolume" . }}
- name: migration
  mountPath: /run/millrace/migration
  readOnly: true
{{- else }}
{{- include "millrace.secretMounts" . }}
{{- end }}
{{- include "millrace.certificateMounts" . }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* All volumes but the migration's. */}}
{{- define "millrace.allVolumes" -}}
{{- include "millrace.volumes" . }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
