{{/* What the settings say, where the chart has to know it. */}}

{{/*
A setting's value as text. YAML gives whole numbers as floating point, which would print 10000000 as 1e+07.
*/}}
{{- define "millrace.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}
{{- printf "%d" (int64 .) }}
{{- else }}
{{- toString . }}
{{- end }}
{{- end }}

{{/* A setting, or its default: (list $ "NAME" "default"). Set to nothing counts as not set, as in the program. */}}
{{- define "millrace.setting" -}}
{{- $root := index . 0 }}
{{- $value := get $root.Values.settings (index . 1) }}
{{- if kindIs "invalid" $value }}{{ $value = "" }}{{ end }}
{{- include "millrace.text" $value | default (index . 2) }}
{{- end }}

{{- define "millrace.port" -}}
{{- include "millrace.setting" (list . "METRICS_PORT" "9090") }}
{{- end }}

{{/* SIGKILL comes some time after the process has left by itself. */}}
{{- define "millrace.terminationGracePeriod" -}}
{{- $grace := include "millrace.setting" (list . "SHUTDOWN_GRACE_SECONDS" "25") | float64 | ceil | int64 }}
{{- add $grace .Values.terminationMarginSeconds }}
{{- end }}

{{/* 128 MiB, of which 50 are the process at rest, and 1.3 budgets; values.yaml says why. */}}
{{- define "millrace.memoryLimit" -}}
{{- $budget := include "millrace.setting" (list . "MEMORY_BUDGET_MB" "256") | float64 }}
{{- printf "%dMi" (mulf $budget 1.3 | addf 128 | ceil | int64) }}
{{- end }}

{{- define "millrace.resources" -}}
{{- $resources := deepCopy .Values.resources }}
{{- $limits := get $resources "limits" | default dict }}
{{- if not (get $limits "memory") }}
{{- $_ := set $limits "memory" (include "millrace.memoryLimit" .) }}
{{- end }}
{{- $_ := set $resources "limits" $limits }}
{{- toYaml $resources }}
{{- end }}

{{/* The queues that are consumed, as a JSON array. */}}
{{- define "millrace.queues" -}}
{{- $queues := .Values.autoscaling.keda.queues }}
{{- if not $queues }}
{{- if ne "false" (include "millrace.setting" (list . "NEW_MODE_ENABLED" "true") | lower) }}
{{- $alias := include "millrace.setting" (list . "EVENT_QUEUE_NAME" "analytics.data.collected") }}
{{- $queues = list (include "millrace.setting" (list . "EVENT_QUEUE" $alias)) }}
{{- end }}
{{- if eq "true" (include "millrace.setting" (list . "LEGACY_MODE_ENABLED" "false") | lower) }}
{{- $legacy := include "millrace.setting" (list . "LEGACY_QUEUES" "tiktok_result_queue,youtube_result_queue") | trim }}
{{- if hasPrefix "[" $legacy }}
{{- $queues = concat $queues (fromJsonArray $legacy) }}
{{- else }}
{{- range splitList "," $legacy }}{{ $queues = append $queues (trim .) }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- toJson $queues }}
{{- end }}
