"""The chart's manifests are what Kubernetes takes, and keep our rules: bounded, watched and powerless."""

from pathlib import Path

import click
import jsonschema
import pytest
import yaml

from deploy.cli.init import InitSettings
from deploy.cli.main import pathbound
from deploy.metrics_reference import all_metrics
from schemas.topics import SOURCES, consumer_group
from service.settings import ApiSettings, ConsumerSettings, RelaySettings
from tests.chart.custom_resources import CUSTOM
from tests.chart.rendering import CASES, CHART, KUBE, Manifest, faults, helm, manifests, of_kind, rendered, workloads
from tests.support.watching import ALERTS, scraped_jobs

SECRET_VALUES = {"PATHBOUND_MONGO_URL": "mongodb://mongo", "PATHBOUND_ERASURE_SECRET": "e" * 64}
DRAIN_SECONDS = 10
SETTINGS: dict[str, type[ApiSettings | ConsumerSettings | InitSettings | RelaySettings]] = {
    "-api": ApiSettings,
    "-relay": RelaySettings,
    "-consumer": ConsumerSettings,
    "-init": InitSettings,
}
every_case = pytest.mark.parametrize("case", CASES)


@every_case
def test_helm_finds_nothing_to_say(case: str) -> None:
    done = helm("lint", "--strict", CHART, "--values", CASES[case], *KUBE)
    assert done.returncode == 0, done.stdout


@every_case
@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_kubernetes_takes_every_manifest(case: str, version: str) -> None:
    of_others = [f"{one['kind']}/{one['metadata']['name']}" for one in manifests(case) if one["kind"] in CUSTOM]
    unknown = {f"{name}: unknown kind" for name in of_others}
    assert set(faults(case, version)) == unknown


@every_case
def test_kinds_of_others_have_their_shape(case: str) -> None:
    for one in manifests(case):
        if one["kind"] in CUSTOM:
            jsonschema.validate(one, CUSTOM[one["kind"]])


def test_each_kind_is_made_by_some_case() -> None:
    made = {one["kind"] for case in CASES for one in manifests(case)}
    own = "Deployment Job Service Ingress HorizontalPodAutoscaler PodDisruptionBudget NetworkPolicy ConfigMap"
    assert made == {*own.split(), *CUSTOM}, "and no Secret: those are made by others"


@every_case
def test_names_are_unique_and_in_the_namespace(case: str) -> None:
    names = [(one["kind"], one["metadata"]["name"]) for one in manifests(case)]
    assert len(names) == len(set(names))
    assert {one["metadata"]["namespace"] for one in manifests(case)} == {"crm"}


@every_case
def test_no_container_without_bounds_and_without_power(case: str) -> None:
    for name, _, pod, container in workloads(case):
        for bound in ("requests", "limits"):
            assert set(container["resources"][bound]) == {"cpu", "memory"}, name
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001, "as the image says"
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]


@every_case
def test_each_process_is_watched_where_it_answers(case: str) -> None:
    for name in of_kind(case, "Deployment"):
        _, _, _, container = next(one for one in workloads(case) if one[0] == name)
        [port] = container["ports"]
        assert port["name"] == "http"
        variable = "PATHBOUND_API_PORT" if name.endswith("-api") else "PATHBOUND_OPS_PORT"
        assert variables(container)[variable] == str(port["containerPort"])
        paths = {probe: container[f"{probe}Probe"]["httpGet"] for probe in ("startup", "liveness", "readiness")}
        assert paths == {
            "startup": {"path": "/health/live", "port": "http"},
            "liveness": {"path": "/health/live", "port": "http"},
            "readiness": {"path": "/health/ready", "port": "http"},
        }


@every_case
def test_there_is_time_to_drain(case: str) -> None:
    for name, _, pod, container in workloads(case):
        before = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        assert pod["terminationGracePeriodSeconds"] >= before + DRAIN_SECONDS, name
        assert bool(before) == name.endswith("-api"), "only the API has a load balancer that must forget it first"


@every_case
def test_every_variable_is_a_setting_of_the_command_that_is_run(case: str) -> None:
    for name, _, _, container in workloads(case):
        command: click.Command = pathbound
        for word in container["args"]:
            assert isinstance(command, click.Group)
            found = command.get_command(click.Context(command), word)
            assert found is not None, word
            command = found
        settings = {f"PATHBOUND_{str(parameter.name).upper()}" for parameter in command.params}
        others = {one["name"] for one in container["env"]} - settings
        assert others == ({"OTEL_EXPORTER_OTLP_HEADERS"} if case == "production" else set()), name
        names = [one["name"] for one in container["env"]]
        assert len(names) == len(set(names)), f"{name}: a variable is set twice"


@every_case
def test_every_value_is_one_that_the_settings_take(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Together too: what a login needs, say. The Secrets' files are stood in for."""
    file = tmp_path / "secret"
    file.touch()
    for name, _, _, container in workloads(case):
        with monkeypatch.context() as environment:
            for variable, value in variables(container).items():
                environment.setenv(
                    variable, str(file) if variable.endswith("_FILE") else value or SECRET_VALUES[variable]
                )
            [model] = [model for part, model in SETTINGS.items() if part in name]
            assert model().kafka_bootstrap in rendered(case)


@every_case
def test_every_file_that_a_setting_names_comes_from_a_secret(case: str) -> None:
    for name, _, pod, container in workloads(case):
        named = {value for variable, value in variables(container).items() if variable.endswith("_FILE")}
        [*volumes] = [volume["projected"]["sources"] for volume in pod["volumes"] if volume["name"] == "secrets"]
        items = [item for sources in volumes for one in sources for item in one["secret"]["items"]]
        mounted = {f"/etc/pathbound/{item['path']}" for item in items}
        assert named == mounted, name


def test_production_uses_every_way_to_log_in() -> None:
    api = variables(of_kind("production", "Deployment")["pathbound-api"]["spec"]["template"]["spec"]["containers"][0])
    assert len([name for name in api if name.endswith("_FILE")]) == 7
    assert api["PATHBOUND_KAFKA_SECURITY_PROTOCOL"] == "SASL_SSL"


@every_case
def test_everything_points_to_something(case: str) -> None:
    pods = {name: one["spec"]["template"]["metadata"]["labels"] for name, one, _, _ in workloads(case)}
    for name, one in of_kind(case, "Deployment", "PodDisruptionBudget", "NetworkPolicy", "Service").items():
        spec = one["spec"]
        wanted = spec.get("podSelector", spec.get("selector", {}))
        wanted = wanted.get("matchLabels", wanted)
        found = [pod for pod, labels in pods.items() if wanted.items() <= labels.items()]
        everybody = one["kind"] == "NetworkPolicy" and name == "pathbound"
        assert len(found) == (len(pods) if everybody else 1), f"{one['kind']} {name}: {found}"
    for one in of_kind(case, "HorizontalPodAutoscaler", "ScaledObject").values():
        deployment = of_kind(case, "Deployment")[one["spec"]["scaleTargetRef"]["name"]]
        assert "replicas" not in deployment["spec"], "or each upgrade would undo the scaling"


def test_init_needs_nothing_that_comes_after_it() -> None:
    job, policy = of_kind("minimal", "Job")["pathbound-init"], of_kind("minimal", "NetworkPolicy")["pathbound-init"]
    for one in (job, policy):
        assert one["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert int(policy["metadata"]["annotations"]["helm.sh/hook-weight"]) < 0
    assert "serviceAccountName" not in job["spec"]["template"]["spec"]
    assert "configMap" not in str(job)


def test_consumers_follow_the_lag_of_their_own_topic() -> None:
    objects = of_kind("keda", "ScaledObject")
    assert set(objects) == {"pathbound-consumer-tracker", "pathbound-consumer-gmail"}
    for name, one in objects.items():
        source = name.removeprefix("pathbound-consumer-")
        metadata = one["spec"]["triggers"][0]["metadata"]
        assert metadata["topic"] == f"blue.{SOURCES[source]}"
        assert metadata["consumerGroup"] == consumer_group("blue.", source)
        assert metadata["sasl"] == "scram_sha256"
    scaler = of_kind("production", "HorizontalPodAutoscaler")["pathbound-consumer-tracker"]
    metric = scaler["spec"]["metrics"][0]["external"]["metric"]
    assert metric["name"] in {one.name for one in all_metrics()}
    assert metric["selector"]["matchLabels"] == {"topic": SOURCES["tracker"]}


def test_prometheus_gets_the_same_rules_and_the_same_jobs() -> None:
    rules = of_kind("production", "PrometheusRule")["pathbound"]
    assert rules["spec"] == yaml.safe_load(ALERTS.read_text())
    services = of_kind("production", "Service").values()
    jobs = {one["metadata"]["labels"].get("pathbound-job") for one in services} - {None}
    assert jobs == set(scraped_jobs().values())


def test_only_what_is_for_the_outside_is_routed() -> None:
    rule = of_kind("production", "Ingress")["pathbound-api"]["spec"]["rules"][0]
    assert [path["path"] for path in rule["http"]["paths"]] == ["/v1", "/docs", "/openapi.json", "/asyncapi.json"]


def test_a_packed_chart_is_the_same(tmp_path: Path) -> None:
    """With the rules and dashboards in it, which are links here."""
    assert helm("package", CHART, "--destination", tmp_path).returncode == 0
    [archive] = tmp_path.glob("*.tgz")
    done = helm("template", "pathbound", archive, "--namespace", "crm", "--values", CASES["production"], *KUBE)
    assert done.stdout == rendered("production")


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("mongo.urlSecret.name=", "/mongo/urlSecret/name"),
        ("kafka.bootstrap=kafka", "/kafka/bootstrap"),
        ("kafka.securityProtocol=SASL_SSL", "/kafka/sasl/username"),
        ("kafka.tls.caSecret.name=ca", "/kafka/tls/caSecret/name"),
        ("mongo.auth.username=somebody", "/mongo/auth/passwordSecret/name"),
        ("relay.replica=3", "'replica' not allowed"),
        ("relay.replicas=9", "/relay/replicas"),
        ("consumers.trakcer.enabled=true", "'trakcer' not allowed"),
        ("api.resources.limits=null", "'limits'"),
        ("settings.PATHBOUND_API_PORT=8081", "PATHBOUND_API_PORT"),
        ("pod.env[0].name=PATHBOUND_LOG_LEVEL", "/pod/env/0/name"),
        ("api.ingress.enabled=true", "/api/ingress/host"),
    ],
)
def test_values_that_make_no_sense_are_refused_by_name(flags: str, told: str) -> None:
    done = helm("template", "pathbound", CHART, "--values", CASES["minimal"], "--set", flags, *KUBE)
    assert done.returncode == 1
    assert told in done.stderr


def variables(container: Manifest) -> dict[str, str]:
    return {one["name"]: one.get("value", "") for one in container["env"] if one["name"].startswith("PATHBOUND_")}
