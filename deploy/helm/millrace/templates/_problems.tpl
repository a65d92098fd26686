{{/*
What cannot work, all of it at once, as the program itself does with its settings. The shape of the values is
the schema's business; this is about values that do not agree with each other.
*/}}

{{/* Whether a secret setting comes from anywhere: (list $ "NAME"). */}}
{{- define "millrace.given" -}}
{{- $root := index . 0 }}
{{- $name := index . 1 }}
{{- if or (get $root.Values.secrets $name) (get $root.Values.settings (printf "%s_FILE" $name)) $root.Values.extraEnvFrom }}true{{ end }}
{{- range $root.Values.extraEnv }}
{{- if or (eq .name $name) (eq .name (printf "%s_FILE" $name)) }}true{{ end }}
{{- end }}
{{- end }}

{{- define "millrace.problems" -}}
{{- $problems := list }}
{{- $keda := .Values.autoscaling.keda }}
{{- $hpa := .Values.autoscaling.hpa }}
{{- if and $keda.enabled $hpa.enabled }}
{{- $problems = append $problems "autoscaling.keda and autoscaling.hpa are both on: two autoscalers would undo each other's work; choose one" }}
{{- end }}
{{- if and $keda.enabled (not $keda.managementUrl.name) (not $keda.triggerAuthentication) }}
{{- $problems = append $problems "autoscaling.keda needs managementUrl.name, a Secret with the address of RabbitMQ's management API, or a triggerAuthentication" }}
{{- end }}
{{- if and $keda.enabled (gt (int $keda.minReplicaCount) (int $keda.maxReplicaCount)) }}
{{- $problems = append $problems "autoscaling.keda.minReplicaCount is greater than maxReplicaCount" }}
{{- end }}
{{- if and $hpa.enabled (gt (int $hpa.minReplicas) (int $hpa.maxReplicas)) }}
{{- $problems = append $problems "autoscaling.hpa.minReplicas is greater than maxReplicas" }}
{{- end }}
{{- if and $hpa.enabled (not (dig "requests" "cpu" "" .Values.resources)) }}
{{- $problems = append $problems "autoscaling.hpa goes by a percentage of resources.requests.cpu, which is not set" }}
{{- end }}
{{- range splitList " " (include "millrace.secretNames" .) }}
{{- if include "millrace.setting" (list $ . "") }}
{{- $problems = append $problems (printf "settings.%s is a secret: a ConfigMap is no place for it; name a Secret in secrets.%s" . .) }}
{{- end }}
{{- if and (get $.Values.secrets .) (get $.Values.settings (printf "%s_FILE" .)) }}
{{- $problems = append $problems (printf "settings.%s_FILE and secrets.%s are both set; set secrets.%s to null if the file comes from elsewhere" . . .) }}
{{- end }}
{{- end }}
{{- if not (or (include "millrace.given" (list . "RABBITMQ_URL")) (include "millrace.given" (list . "RABBITMQ_PASSWORD"))) }}
{{- $problems = append $problems "there is neither secrets.RABBITMQ_URL nor secrets.RABBITMQ_PASSWORD" }}
{{- end }}
{{- if not (include "millrace.given" (list . "DATABASE_URL")) }}
{{- $problems = append $problems "there is no secrets.DATABASE_URL" }}
{{- end }}
{{- if not (include "millrace.given" (list . "OBJECT_STORE_URL")) }}
{{- range list "MINIO_ACCESS_KEY" "MINIO_SECRET_KEY" }}
{{- if not (include "millrace.given" (list $ .)) }}
{{- $problems = append $problems (printf "there is neither secrets.%s nor secrets.OBJECT_STORE_URL" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- if eq "false" (include "millrace.setting" (list . "METRICS_ENABLED" "true") | lower) }}
{{- $problems = append $problems "settings.METRICS_ENABLED is false: then there is no port for the probes; leave it on, and service.enabled off if it is not to be reached" }}
{{- end }}
{{- if and .Values.migration.enabled (hasKey .Values.settings "DATABASE_AUTO_MIGRATE") }}
{{- $problems = append $problems "settings.DATABASE_AUTO_MIGRATE is what migration.enabled decides; leave it out, or switch migration.enabled off" }}
{{- end }}
{{- range $peer, $tls := .Values.tls }}
{{- if and $tls.ca.secret $tls.ca.configMap }}
{{- $problems = append $problems (printf "tls.%s.ca has a secret and a configMap; one file comes from one of them" $peer) }}
{{- end }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled (not .Values.service.enabled) }}
{{- $problems = append $problems "serviceMonitor finds its targets by the Service; service.enabled is false" }}
{{- end }}
{{- if .Values.prometheusRule.enabled }}
{{- range .Values.prometheusRule.include }}
{{- if not ($.Files.Get (printf "files/rules/%s.yml" .)) }}
{{- $problems = append $problems (printf "prometheusRule.include: this copy of the chart has no files/rules/%s.yml; `make manifests` puts there what deploy/prometheus/rules has" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.grafanaDashboard.enabled (not (.Files.Glob "files/dashboards/*.json")) }}
{{- $problems = append $problems "grafanaDashboard is on, but this copy of the chart has no files/dashboards; `make manifests` puts there what deploy/grafana has" }}
{{- end }}
{{- join "\n  - " $problems }}
{{- end }}

{{- define "millrace.refuse" -}}
{{- with include "millrace.problems" . }}
{{- fail (printf "these values cannot work:\n  - %s" .) }}
{{- end }}
{{- end }}
