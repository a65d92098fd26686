{{/* Secrets and certificates: by reference, never by value. */}}

{{- define "millrace.secretNames" -}}
RABBITMQ_URL RABBITMQ_PASSWORD DATABASE_URL OBJECT_STORE_URL MINIO_ACCESS_KEY MINIO_SECRET_KEY API_TOKEN
{{- " " }}ALERT_SLACK_WEBHOOK_URL ALERT_PAGERDUTY_ROUTING_KEY OTEL_EXPORTER_OTLP_HEADERS OTEL_EXPORTER_OTLP_TRACES_HEADERS
{{- " " }}KAFKA_SASL_USERNAME KAFKA_SASL_PASSWORD ARCHIVE_STORE_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
{{- end }}

{{/* The secrets that are given, without those that were set to null: a YAML map of name to {name, key}. */}}
{{- define "millrace.secrets" -}}
{{- $given := dict }}
{{- range $setting, $from := .Values.secrets }}
{{- if $from }}
{{- $_ := set $given $setting (dict "name" $from.name "key" (default $setting $from.key)) }}
{{- end }}
{{- end }}
{{- toYaml $given }}
{{- end }}

{{/* Environment of a container for some secrets: (list map folder as). */}}
{{- define "millrace.secretEnv" -}}
{{- $folder := index . 1 }}
{{- $as := index . 2 }}
{{- range $setting, $from := index . 0 }}
{{- if eq $as "files" }}
- name: {{ $setting }}_FILE
  value: {{ $folder }}/{{ $setting }}
{{- else }}
- name: {{ $setting }}
  valueFrom:
    secretKeyRef:
      name: {{ $from.name | quote }}
      key: {{ $from.key | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Sources of a projected volume for some secrets. */}}
{{- define "millrace.secretSources" -}}
{{- range $setting, $from := . }}
- secret:
    name: {{ $from.name | quote }}
    items:
      - key: {{ $from.key | quote }}
        path: {{ $setting }}
{{- end }}
{{- end }}

{{/*
Every certificate file there is to mount: a YAML list of {env, path, kind, name, key}. The one table of the names.
*/}}
{{- define "millrace.certificates" -}}
{{- $names := dict
  "rabbitmq" (dict "ca" "RABBITMQ_CA_FILE" "cert" "RABBITMQ_CERT_FILE" "key" "RABBITMQ_KEY_FILE")
  "database" (dict "ca" "DATABASE_CA_FILE" "cert" "DATABASE_CERT_FILE" "key" "DATABASE_KEY_FILE")
  "minio" (dict "ca" "MINIO_CA_FILE")
  "otlp" (dict "ca" "OTEL_EXPORTER_OTLP_CERTIFICATE" "cert" "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE" "key" "OTEL_EXPORTER_OTLP_CLIENT_KEY")
}}
{{- $files := list }}
{{- range $peer, $env := $names }}
{{- $tls := get $.Values.tls $peer }}
{{- with $tls.ca.secret }}
{{- $files = append $files (dict "peer" $peer "env" $env.ca "path" (printf "%s/ca.crt" $peer) "kind" "secret" "name" . "key" $tls.ca.key) }}
{{- end }}
{{- with $tls.ca.configMap }}
{{- $files = append $files (dict "peer" $peer "env" $env.ca "path" (printf "%s/ca.crt" $peer) "kind" "configMap" "name" . "key" $tls.ca.key) }}
{{- end }}
{{- if $tls.client }}
{{- with $tls.client.secret }}
{{- $files = append $files (dict "peer" $peer "env" $env.cert "path" (printf "%s/tls.crt" $peer) "kind" "secret" "name" . "key" $tls.client.certKey) }}
{{- $files = append $files (dict "peer" $peer "env" $env.key "path" (printf "%s/tls.key" $peer) "kind" "secret" "name" . "key" $tls.client.keyKey) }}
{{- end }}
{{- end }}
{{- end }}
{{- toYaml $files }}
{{- end }}
