{{/* Names are fixed, not made of the release's: `flows` and the relay look for them. So there is one release in a cluster. */}}

{{/* Labels of every object. Takes the root. */}}
{{- define "netpol.labels" -}}
app.kubernetes.io/part-of: netpol
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/instance: {{ .Release.Name }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "netpol.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag }}
{{- end }}

{{- define "netpol.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Variables of the user's. Takes `mine`, the user's, and `ours`, the names that the chart sets. */}}
{{- define "netpol.env" -}}
{{- $ours := .ours -}}
{{- range $name, $value := .mine }}
{{- if has $name $ours }}{{ fail (printf "%s is set by the chart: use its own value" $name) }}{{ end }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* Where certificates are, for agent and relay. */}}
{{- define "netpol.tlsEnv" -}}
- name: NETPOL_TLS_CERT
  value: /etc/netpol/tls/tls.crt
- name: NETPOL_TLS_KEY
  value: /etc/netpol/tls/tls.key
- name: NETPOL_TLS_CLIENT_CA
  value: /etc/netpol/tls/ca.crt
{{- end }}
