"""The shapes of the kinds that Kubernetes does not carry, written by hand from their makers' documentation: as strict
as the rest, and only as wide as the chart needs. A kind that is not here is an error, not a pass."""

from typing import Any

Schema = dict[str, Any]
_TEXT: Schema = {"type": "string", "minLength": 1}
_COUNT: Schema = {"type": "integer", "minimum": 1}
_LABELS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
_DURATION: Schema = {"type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$"}


def _object(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    properties = required | (optional or {})
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": list(required)}


def _list(item: Schema) -> Schema:
    return {"type": "array", "items": item, "minItems": 1}


def _resource(version: str, kind: str, spec: Schema) -> Schema:
    metadata = _object({"name": _TEXT, "namespace": _TEXT, "labels": _LABELS})
    fixed = {"apiVersion": {"const": version}, "kind": {"const": kind}}
    return _object(fixed | {"metadata": metadata, "spec": spec})


_OPERATOR: Schema = {"enum": ["In", "NotIn", "Exists", "DoesNotExist"]}
_SELECTOR = _object(
    {"matchLabels": _LABELS},
    {"matchExpressions": _list(_object({"key": _TEXT, "operator": _OPERATOR}))},
)
# https://prometheus-operator.dev/docs/api-reference/api/
_SERVICE_MONITOR = _object(
    {"selector": _SELECTOR, "endpoints": _list(_object({"port": _TEXT}, {"path": _TEXT, "interval": _DURATION}))},
    {"jobLabel": _TEXT},
)
_RULE = _object({"alert": _TEXT, "expr": _TEXT}, {"for": _DURATION, "labels": _LABELS, "annotations": _LABELS})
_PROMETHEUS_RULE = _object({"groups": _list(_object({"name": _TEXT, "rules": _list(_RULE)}))})
# https://keda.sh/docs/latest/reference/scaledobject-spec/ and https://keda.sh/docs/latest/scalers/apache-kafka/
_KAFKA_TRIGGER = _object(
    {"bootstrapServers": _TEXT, "consumerGroup": _TEXT, "topic": _TEXT},
    {
        "lagThreshold": {"type": "string", "pattern": "^[0-9]+$"},
        "offsetResetPolicy": {"enum": ["latest", "earliest"]},
        "sasl": {"enum": ["none", "plaintext", "scram_sha256", "scram_sha512"]},
        "tls": {"enum": ["enable", "disable"]},
    },
)
_BEHAVIOR = _object(
    {
        "scaleDown": _object(
            {
                "stabilizationWindowSeconds": {"type": "integer", "minimum": 0, "maximum": 3600},
                "policies": _list(
                    _object({"type": {"enum": ["Pods", "Percent"]}, "value": _COUNT, "periodSeconds": _COUNT})
                ),
            }
        )
    }
)
_TRIGGER = _object(
    {"type": {"const": "kafka"}, "metadata": _KAFKA_TRIGGER}, {"authenticationRef": _object({"name": _TEXT})}
)
_SCALED_OBJECT = _object(
    {
        "scaleTargetRef": _object({"name": _TEXT}, {"envSourceContainerName": _TEXT}),
        "triggers": _list(_TRIGGER),
    },
    {
        "minReplicaCount": {"type": "integer", "minimum": 0},
        "maxReplicaCount": _COUNT,
        "advanced": _object({"horizontalPodAutoscalerConfig": _object({"behavior": _BEHAVIOR})}),
    },
)
# https://keda.sh/docs/latest/concepts/authentication/
_PARAMETER: Schema = {"enum": ["username", "password", "ca", "cert", "key"]}
_TRIGGER_AUTHENTICATION = _object(
    {},
    {
        "env": _list(_object({"parameter": _PARAMETER, "name": _TEXT}, {"containerName": _TEXT})),
        "secretTargetRef": _list(_object({"parameter": _PARAMETER, "name": _TEXT, "key": _TEXT})),
    },
)

CUSTOM: dict[str, Schema] = {
    "ServiceMonitor": _resource("monitoring.coreos.com/v1", "ServiceMonitor", _SERVICE_MONITOR),
    "PrometheusRule": _resource("monitoring.coreos.com/v1", "PrometheusRule", _PROMETHEUS_RULE),
    "ScaledObject": _resource("keda.sh/v1alpha1", "ScaledObject", _SCALED_OBJECT),
    "TriggerAuthentication": _resource("keda.sh/v1alpha1", "TriggerAuthentication", _TRIGGER_AUTHENTICATION),
}
