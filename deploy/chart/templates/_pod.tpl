{{/* Where the Secrets' files are; the settings name them. */}}
{{- define "pathbound.secrets" -}}/etc/pathbound{{- end }}

{{/* The settings of a role as variables. Takes `root` and the role's `values`. */}}
{{- define "pathbound.env" -}}
{{- $files := include "pathbound.secrets" . }}
{{- $env := dict
  "PATHBOUND_MONGO_DATABASE" .root.Values.mongo.database
  "PATHBOUND_KAFKA_BOOTSTRAP" .root.Values.kafka.bootstrap
  "PATHBOUND_LOG_FORMAT" "json" }}
{{- with .root.Values.kafka.topicPrefix }}{{ $_ := set $env "PATHBOUND_TOPIC_PREFIX" . }}{{ end }}
{{- with .root.Values.mongo }}
{{- if .auth.username }}
{{- $_ := set $env "PATHBOUND_MONGO_USERNAME" .auth.username }}
{{- $_ := set $env "PATHBOUND_MONGO_PASSWORD_FILE" (printf "%s/mongo-password" $files) }}
{{- end }}
{{- if .tls.caSecret.name }}{{ $_ := set $env "PATHBOUND_MONGO_TLS_CA_FILE" (printf "%s/mongo-ca.pem" $files) }}{{ end }}
{{- if .tls.certSecret.name }}{{ $_ := set $env "PATHBOUND_MONGO_TLS_CERT_FILE" (printf "%s/mongo-client.pem" $files) }}{{ end }}
{{- end }}
{{- with .root.Values.kafka }}
{{- if ne .securityProtocol "PLAINTEXT" }}{{ $_ := set $env "PATHBOUND_KAFKA_SECURITY_PROTOCOL" .securityProtocol }}{{ end }}
{{- if hasPrefix "SASL" .securityProtocol }}
{{- $_ := set $env "PATHBOUND_KAFKA_SASL_MECHANISM" .sasl.mechanism }}
{{- $_ := set $env "PATHBOUND_KAFKA_SASL_USERNAME" .sasl.username }}
{{- $_ := set $env "PATHBOUND_KAFKA_SASL_PASSWORD_FILE" (printf "%s/kafka-password" $files) }}
{{- end }}
{{- if .tls.caSecret.name }}{{ $_ := set $env "PATHBOUND_KAFKA_TLS_CA_FILE" (printf "%s/kafka-ca.pem" $files) }}{{ end }}
{{- if .tls.certSecret.name }}
{{- $_ := set $env "PATHBOUND_KAFKA_TLS_CERT_FILE" (printf "%s/kafka-client.crt" $files) }}
{{- $_ := set $env "PATHBOUND_KAFKA_TLS_KEY_FILE" (printf "%s/kafka-client.key" $files) }}
{{- end }}
{{- end }}
{{- $env = mergeOverwrite $env (deepCopy .root.Values.settings) (deepCopy .values.settings) -}}
- name: PATHBOUND_MONGO_URL
  valueFrom:
    secretKeyRef: {{ toJson .root.Values.mongo.urlSecret }}
{{- if .root.Values.erasure.secret.name }}
- name: PATHBOUND_ERASURE_SECRET
  valueFrom:
    secretKeyRef: {{ toJson .root.Values.erasure.secret }}
{{- end }}
{{- range $name, $value := $env }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* The Secrets as files, in one volume; nothing where there are none. */}}
{{- define "pathbound.secretSources" -}}
{{- with .Values.mongo }}
{{- if .auth.username }}
- secret: {name: {{ .auth.passwordSecret.name }}, items: [{key: {{ .auth.passwordSecret.key }}, path: mongo-password}]}
{{- end }}
{{- with .tls.caSecret }}{{ if .name }}
- secret: {name: {{ .name }}, items: [{key: {{ .key }}, path: mongo-ca.pem}]}
{{- end }}{{ end }}
{{- with .tls.certSecret }}{{ if .name }}
- secret: {name: {{ .name }}, items: [{key: {{ .key }}, path: mongo-client.pem}]}
{{- end }}{{ end }}
{{- end }}
{{- with .Values.kafka }}
{{- if hasPrefix "SASL" .securityProtocol }}
- secret: {name: {{ .sasl.passwordSecret.name }}, items: [{key: {{ .sasl.passwordSecret.key }}, path: kafka-password}]}
{{- end }}
{{- with .tls.caSecret }}{{ if .name }}
- secret: {name: {{ .name }}, items: [{key: {{ .key }}, path: kafka-ca.pem}]}
{{- end }}{{ end }}
{{- with .tls.certSecret }}{{ if .name }}
- secret: {name: {{ .name }}, items: [{key: {{ .cert }}, path: kafka-client.crt}, {key: {{ .key }}, path: kafka-client.key}]}
{{- end }}{{ end }}
{{- end }}
{{- end }}

{{/* What every pod of ours has, init's too. Takes `root`, `component`, `values` and `args`; `probes` and `preStop` where they
are wanted, `restartPolicy`, `graceSeconds`. */}}
{{- define "pathbound.pod" -}}
{{- $secrets := include "pathbound.secretSources" .root -}}
metadata:
  labels:
    {{- include "pathbound.labels" . | nindent 4 }}
    {{- with .root.Values.pod.labels }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- with .root.Values.pod.annotations }}
  annotations: {{ toYaml . | nindent 4 }}
  {{- end }}
spec:
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .root.Values.pod.serviceAccountName }}
  serviceAccountName: {{ . }}
  {{- end }}
  {{- with .root.Values.image.pullSecrets }}
  imagePullSecrets: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .restartPolicy }}
  restartPolicy: {{ . }}
  {{- end }}
  terminationGracePeriodSeconds: {{ .graceSeconds }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    # So that the Secrets' files can be read, by nobody else.
    fsGroup: 10001
    seccompProfile: {type: RuntimeDefault}
  {{- with .root.Values.pod.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .root.Values.pod.nodeSelector }}
  nodeSelector: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .root.Values.pod.tolerations }}
  tolerations: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .root.Values.pod.affinity }}
  affinity: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- if .probes }}
  topologySpreadConstraints:
    {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - topologyKey: {{ . }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "pathbound.selector" $ | nindent 10 }}
    {{- end }}
  {{- end }}
  containers:
    - name: pathbound
      image: {{ include "pathbound.image" .root }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      args: {{ toJson .args }}
      env:
        {{- include "pathbound.env" . | nindent 8 }}
        {{- with .root.Values.pod.env }}{{ toYaml . | nindent 8 }}{{ end }}
        {{- if .probes }}
        # One of the two is read: the API answers health and metrics on its own port.
        {{- $kind := ternary "API" "OPS" (eq .component "api") }}
        - name: PATHBOUND_{{ $kind }}_HOST
          value: 0.0.0.0
        - name: PATHBOUND_{{ $kind }}_PORT
          value: "8080"
      ports:
        - {name: http, containerPort: 8080}
      # Whether it has come up; then whether its loop moves; whether MongoDB answers.
      startupProbe:
        httpGet: {path: /health/live, port: http}
        periodSeconds: 2
        failureThreshold: 45
      livenessProbe:
        httpGet: {path: /health/live, port: http}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        httpGet: {path: /health/ready, port: http}
        periodSeconds: 5
        timeoutSeconds: 4
        failureThreshold: 2
      {{- end }}
      {{- with .preStopSeconds }}
      lifecycle:
        # Until no load balancer sends anything any more; then SIGTERM, and what is open is answered.
        preStop: {sleep: {seconds: {{ . }}}}
      {{- end }}
      resources: {{ toYaml .values.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        {{- if $secrets }}
        - {name: secrets, mountPath: {{ include "pathbound.secrets" . }}, readOnly: true}
        {{- end }}
  volumes:
    - name: tmp
      emptyDir: {sizeLimit: 64Mi}
    {{- if $secrets }}
    - name: secrets
      projected:
        defaultMode: 0440
        sources:
          {{- $secrets | nindent 10 }}
    {{- end }}
{{- end }}
