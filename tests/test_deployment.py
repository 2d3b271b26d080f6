"""Deployment of a service: the image, the compose file, the Kubernetes manifests."""

import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import kubernetes_validate
import pytest
import yaml

from tests.conftest import (
    QUESTIONS,
    VARIANTS,
    Bake,
    Service,
    each_render,
    each_variant,
    variant_id,
)
from tests.images import Image, build, instructions, pairs
from tests.test_answer_validation import ODD_ANSWERS
from tests.test_quality import settings_of, tool
from tests.test_services import request

KINDS = {
    "autoscaler.yaml": "HorizontalPodAutoscaler",
    "deployment.yaml": "Deployment",
    "disruption.yaml": "PodDisruptionBudget",
    "kustomization.yaml": "Kustomization",
    "migration.yaml": "Job",
    "network.yaml": "NetworkPolicy",
    "service.yaml": "Service",
    "serviceaccount.yaml": "ServiceAccount",
}
# PostgreSQL's default max_connections minus superuser_reserved_connections.
CONNECTIONS = 97

each_concurrency = pytest.mark.parametrize("concurrency", QUESTIONS["concurrency"])
each_oddity = pytest.mark.parametrize("odd", ODD_ANSWERS, ids=lambda odd: odd["project_slug"])


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users can enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name).resolve()
        path.chmod(0o755)
        yield path


@pytest.mark.slow
@each_variant
def test_an_image_migrates_serves_and_stops(
    bake: Bake, folder: Path, answers: dict[str, str]
) -> None:
    """One test for all steps, with the variables of the containers in compose.yaml."""
    service = bake(**answers)
    service.run("uv", "lock")
    (service.path / ".env").write_text("PORT=1\n")
    (service.path / "app" / "__pycache__").mkdir(exist_ok=True)
    (service.path / "app" / "__pycache__" / "old.pyc").touch()
    for path in (service.path / "app").rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)

    image = build(service.path, folder)
    it_holds_the_service_and_nothing_else(image, service)
    its_bytecode_is_compiled(image)
    with containers(image, service) as (variables, url):
        image.run(*compose(service)["migrate"]["command"], **variables)
        before = state(image)
        with serving(image, variables):
            status, item = request(f"{url}/v1/items", "POST", {"name": "bolt"})
            assert status == 201
            assert request(f"{url}/v1/items/{item['id']}") == (200, item)
        assert state(image) == before, "the service wrote into its image"


def it_holds_the_service_and_nothing_else(image: Image, service: Service) -> None:
    volumes = {volume.strip("/") for volume in image.volumes}
    assert {path.name for path in image.root.iterdir()} == {"service"} | volumes
    names = {path.name for path in image.path("/service").iterdir()}
    assert names == {".venv", "app", "pyproject.toml"}
    assert not list(image.root.rglob("old.pyc"))

    groups = tomllib.loads(service.read("pyproject.toml"))["dependency-groups"]
    unwanted = {re.split(r"[\[>]", requirement)[0] for requirement in groups["dev"]} | {"pip", "uv"}
    unwanted -= {"mako"}  # Alembic needs it too
    metadata = image.path("/service/.venv").rglob("*.dist-info")
    installed = {path.name.partition("-")[0].replace("_", "-") for path in metadata}
    assert {"fastapi", "alembic"} <= installed
    assert not installed & unwanted
    assert not list(image.root.rglob("bin/uv"))


def its_bytecode_is_compiled(image: Image) -> None:
    """And belongs to this source; otherwise every start would compile it again."""
    (packages,) = image.path("/service").glob(".venv/lib/*/site-packages")
    sources = [*image.path("/service/app").rglob("*.py"), *packages.rglob("*.py")]
    assert len(sources) > 500
    for source in sources:
        (cached,) = source.parent.glob(f"__pycache__/{source.stem}.*.pyc")
        (modified,) = struct.unpack("<8xL", cached.read_bytes()[:12])
        assert modified == int(source.stat().st_mtime), source


@contextmanager
def containers(image: Image, service: Service) -> Iterator[tuple[dict[str, str], str]]:
    """Returns the containers' variables from compose.yaml.

    Unlike there, the service listens on this machine, and uses a test database whose password has
    every character with a meaning in a URL.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
    changes = {"HOST": "127.0.0.1", "PORT": port, "WORKERS": "2", "DRAIN_SECONDS": "0"}
    url = f"http://127.0.0.1:{port}"
    if service.answers["database"] == "sqlite":
        yield variables_of(service) | changes, url
        return
    service.run("uv", "sync", "--locked")
    with service.throwaway("database") as database:
        location = re.match(r"(.*//\w+):(.*)(@[\w.]+:\d+)/(\w+)", database)
        assert location
        start, password, server, name = location.groups()
        variables = variables_of(service, POSTGRES_PASSWORD=unquote(password))
        parts = re.fullmatch(r"(.*//)postgres@database:5432/(.*)", variables["DATABASE_URL"])
        assert parts
        assert parts[2] == compose(service)["database"]["environment"]["POSTGRES_DB"]
        changes["DATABASE_URL"] = f"{start}{server}/{name}"
        yield variables | changes, url


def compose(service: Service) -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load(service.read("compose.yaml"))["services"]
    return services


def variables_of(service: Service, **values: str) -> dict[str, str]:
    """https://docs.docker.com/reference/compose-file/interpolation/"""

    def value(reference: re.Match[str]) -> str:
        assert reference[1] in values or reference[2] == "-", f"{reference[1]} is required"
        return values.get(reference[1], reference[3])

    migrate, server = (compose(service)[name]["environment"] for name in ("migrate", "service"))
    assert migrate == server
    return {
        name: re.sub(r"\$\{(\w+)(:?[-?])([^}]*)\}", value, text)
        for name, text in server.items()
        if text is not None
    }


@contextmanager
def serving(image: Image, variables: dict[str, str]) -> Iterator[None]:
    """Runs the image's command, from a passed health check until SIGTERM has ended it."""
    deadline = time.monotonic() + 20
    with image.start(*image.command, **variables) as server:
        try:
            while image.execute(*image.health, **variables)[0] != 0:
                assert time.monotonic() < deadline, stop(server)
            yield
            output = stop(server)
        finally:
            server.kill()
    assert server.returncode in {0, 143, -signal.SIGTERM}, output
    assert "Application shutdown complete" in output


def stop(server: subprocess.Popen[str]) -> str:
    server.send_signal(signal.SIGTERM)
    return server.communicate(timeout=5)[0]


def state(image: Image) -> dict[str, int]:
    """Returns the modification times of all files and folders outside the volumes."""
    volumes = [image.path(volume) for volume in image.volumes]
    return {
        str(path): path.lstat().st_mtime_ns
        for path in image.root.rglob("*")
        if not any(path.is_relative_to(volume) for volume in volumes)
    }


@pytest.mark.parametrize(
    ("answers", "odd"), list(zip(VARIANTS, ODD_ANSWERS, strict=True)), ids=map(variant_id, VARIANTS)
)
def test_the_dockerfile_passes_hadolint(
    rendered: Bake, answers: dict[str, str], odd: dict[str, str]
) -> None:
    # hadolint takes a backslash before the last quote for an escape.
    service = rendered(**answers, **odd | {"description": odd["description"].rstrip("\\")})
    tool("hadolint", "Dockerfile", folder=service.path)


@each_variant
def test_the_compose_file_is_valid(rendered: Bake, answers: dict[str, str]) -> None:
    service = rendered(**answers)
    schema = "vendor.compose-spec"
    tool("check-jsonschema", "--builtin-schema", schema, "compose.yaml", folder=service.path)


@each_oddity
def test_an_image_is_labelled_with_the_answers(rendered: Bake, odd: dict[str, str]) -> None:
    """Each label is on one line, with any characters."""
    service = rendered(**odd)
    (label,) = (rest for name, _, rest in parsed(service) if name == "LABEL")
    labels = pairs(label, {"VERSION": "1", "REVISION": "abc", "CREATED": "today"})
    texts = {name.removeprefix("org.opencontainers.image."): text for name, text in labels.items()}
    project = tomllib.loads(service.read("pyproject.toml"))["project"]
    (author,) = project["authors"]
    assert texts == {
        "title": odd["project_name"],
        "description": project["description"],
        "authors": f"{author['name']} <{author['email']}>",
        "version": "1",
        "revision": "abc",
        "created": "today",
    }


def parsed(service: Service) -> list[tuple[str, list[str], str]]:
    return list(instructions(service.read("Dockerfile")))


@each_variant
def test_an_image_has_pinned_sources(rendered: Bake, answers: dict[str, str]) -> None:
    service = rendered(**answers)
    images = [rest.partition(" AS ") for name, _, rest in parsed(service) if name == "FROM"]
    stages = {stage for _, _, stage in images}
    (base,) = {image for image, _, _ in images if image not in stages}
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base)
    assert f'UV_PYTHON: "{base[7:11]}"' in rendered(ci="github").read(".github/workflows/ci.yml")
    (uv,) = re.findall(r"astral-sh/uv:([\d.]+) ", service.read("Dockerfile"))
    assert f'version: "{uv}"' in rendered(ci="github").read(".github/workflows/ci.yml")


def test_make_image_passes_the_build_arguments(rendered: Bake) -> None:
    service = rendered()
    (build_arguments,) = (rest.split() for name, _, rest in parsed(service) if name == "ARG")
    assert re.findall(r"--build-arg (\w+)=", service.read("Makefile")) == build_arguments


@each_variant
def test_one_container_builds_the_image_and_none_pulls_it(
    rendered: Bake, answers: dict[str, str]
) -> None:
    """Otherwise Compose would build it in parallel, or pull a foreign image of that name."""
    built = {
        name: (container.get("build"), container["pull_policy"])
        for name, container in compose(rendered(**answers)).items()
        if name != "database"
    }
    assert built == {"migrate": (".", "build"), "service": (None, "never")}


@each_variant
def test_containers_write_only_to_tmp_and_volumes(rendered: Bake, answers: dict[str, str]) -> None:
    service = rendered(**answers)
    volumes = [f"data:{rest}" for name, _, rest in parsed(service) if name == "VOLUME"]
    for name in ("migrate", "service"):
        container = compose(service)[name]
        assert container["read_only"] is True
        assert container["tmpfs"] == ["/tmp"]  # noqa: S108 - the container's own
        assert container.get("volumes", []) == volumes
        assert container["cap_drop"] == ["ALL"]


@each_render
def test_only_postgres_services_have_manifests(rendered: Bake, answers: dict[str, str]) -> None:
    deploy = rendered(**answers).path / "deploy"
    assert deploy.exists() == (answers["database"] == "postgres")


def manifests(service: Service) -> dict[str, dict[str, Any]]:
    """Returns the objects in deploy/ by kind."""
    files = {path.name: path for path in service.path.glob("deploy/*")}
    objects = {
        name: yaml.safe_load(path.read_text(encoding="utf-8")) for name, path in files.items()
    }
    assert {name: manifest["kind"] for name, manifest in objects.items()} == KINDS
    return {manifest["kind"]: manifest for manifest in objects.values()}


def valid(manifest: dict[str, Any]) -> None:
    for version in ("1.27", kubernetes_validate.latest_version()):
        kubernetes_validate.validate(manifest, version, strict=True)


@each_concurrency
def test_manifests_are_valid(rendered: Bake, concurrency: str) -> None:
    objects = manifests(rendered(database="postgres", concurrency=concurrency))
    kustomization = objects.pop("Kustomization")
    assert kustomization["resources"] == sorted(KINDS.keys() - {"kustomization.yaml"})
    for manifest in objects.values():
        valid(manifest)


@pytest.mark.fleet
@each_concurrency
def test_manifests_are_valid_together(rendered: Bake, concurrency: str) -> None:
    """Each tag has its own Job; the pods use the right settings and image."""
    if not shutil.which("kubectl"):
        pytest.fail("kubectl is not on the PATH: https://kubernetes.io/docs/tasks/tools/")
    service = rendered(database="postgres", concurrency=concurrency)
    objects = {
        manifest["kind"]: manifest
        for manifest in yaml.safe_load_all(service.run("kubectl", "kustomize", "deploy"))
    }
    assert objects.keys() == {*KINDS.values(), "ConfigMap"} - {"Kustomization"}
    for manifest in objects.values():
        valid(manifest)
    (image,) = {container(objects[kind])["image"] for kind in ("Deployment", "Job")}
    assert image == "registry.example.com/my-service:0.1.0"
    assert objects["Job"]["metadata"]["name"] == "my-service-migrate-0.1.0"
    settings, secret = container(objects["Deployment"])["envFrom"]
    assert settings["configMapRef"] == {"name": objects["ConfigMap"]["metadata"]["name"]}
    assert container(objects["Job"])["envFrom"] == [secret]


def pod(manifest: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return spec


def container(manifest: dict[str, Any]) -> dict[str, Any]:
    (only_container,) = pod(manifest)["containers"]
    assert isinstance(only_container, dict)
    return only_container


@each_concurrency
def test_pods_meet_the_restricted_standard(rendered: Bake, concurrency: str) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted, and more."""
    service = rendered(database="postgres", concurrency=concurrency)
    (user,) = (rest for name, _, rest in parsed(service) if name == "USER")
    for kind in ("Deployment", "Job"):
        manifest = manifests(service)[kind]
        assert pod(manifest)["automountServiceAccountToken"] is False
        assert pod(manifest)["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": int(user.partition(":")[0]),
            "runAsGroup": int(user.partition(":")[2]),
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        assert container(manifest)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        (mount,), (volume,) = container(manifest)["volumeMounts"], pod(manifest)["volumes"]
        assert mount == {"name": volume["name"], "mountPath": "/tmp"}  # noqa: S108
        assert "emptyDir" in volume
        assert {"cpu", "memory"} == container(manifest)["resources"]["requests"].keys()


def settings_in(kustomization: dict[str, Any]) -> dict[str, str]:
    (generator,) = kustomization["configMapGenerator"]
    return dict(literal.split("=", 1) for literal in generator["literals"])


@each_concurrency
def test_repeated_values_agree(rendered: Bake, concurrency: str) -> None:
    service = rendered(database="postgres", concurrency=concurrency)
    objects, composed = manifests(service), compose(service)
    settings = settings_in(objects["Kustomization"])
    server, rollout = container(objects["Deployment"]), objects["Deployment"]["spec"]["strategy"]

    # A stopping server gets enough time, and no other one is killed meanwhile.
    needed = float(settings["DRAIN_SECONDS"]) + float(settings["SHUTDOWN_TIMEOUT"])
    assert pod(objects["Deployment"])["terminationGracePeriodSeconds"] > needed
    assert float(composed["service"]["stop_grace_period"].rstrip("s")) > needed
    assert rollout["rollingUpdate"]["maxUnavailable"] == 0

    # All parts use the same port.
    (expose,) = (rest for name, _, rest in parsed(service) if name == "EXPOSE")
    (port,) = server["ports"]
    assert port["containerPort"] == int(expose)
    assert f"PORT={expose}" in service.read("Dockerfile")
    assert composed["service"]["ports"][0].endswith(f":{expose}")
    assert objects["Service"]["spec"]["ports"][0]["targetPort"] == port["name"]
    assert objects["NetworkPolicy"]["spec"]["ingress"] == [{"ports": [{"port": port["name"]}]}]

    # Probes use existing paths.
    routes = service.read("app/api/routes/health.py")
    probes = {name: server[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness")}
    probes["readiness"] = server["readinessProbe"]["httpGet"]
    assert {probe["port"] for probe in probes.values()} == {port["name"]}
    paths = {name: probe["path"] for name, probe in probes.items()}
    assert paths == {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}
    assert [path for path in paths.values() if f'@router.get("{path}"' not in routes] == []
    assert "'/readyz'" in service.read("Dockerfile")

    # Both run the same migration command.
    assert container(objects["Job"])["command"] == composed["migrate"]["command"]


@each_concurrency
def test_all_replicas_together_fit_max_connections(rendered: Bake, concurrency: str) -> None:
    service = rendered(database="postgres", concurrency=concurrency)
    objects, source = manifests(service), service.read("app/settings.py")
    per_replica = 1  # for /readyz
    for setting in ("database_pool_size", "database_max_overflow"):
        (default,) = re.findall(rf"{setting}: \w+ = (\d+)", source)
        per_replica += int(default)
    replicas = objects["HorizontalPodAutoscaler"]["spec"]["maxReplicas"]
    surge = objects["Deployment"]["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
    assert (replicas + surge) * per_replica <= CONNECTIONS < (replicas + surge + 1) * per_replica


@each_concurrency
def test_selectors_match_the_server_and_not_the_migration(rendered: Bake, concurrency: str) -> None:
    objects = manifests(rendered(database="postgres", concurrency=concurrency))
    labels = {
        kind: objects[kind]["spec"]["template"]["metadata"]["labels"].items()
        for kind in ("Deployment", "Job")
    }
    selectors = [
        objects["Deployment"]["spec"]["selector"]["matchLabels"],
        objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        objects["Service"]["spec"]["selector"],
        *(
            constraint["labelSelector"]["matchLabels"]
            for constraint in pod(objects["Deployment"])["topologySpreadConstraints"]
        ),
    ]
    for selector in selectors:
        assert selector.items() <= labels["Deployment"]
        assert not selector.items() <= labels["Job"]
    selected = objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"].items()
    assert selected <= labels["Deployment"]
    assert selected <= labels["Job"]
    target = objects["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert target["name"] == objects["Deployment"]["metadata"]["name"]


@each_oddity
def test_kubernetes_names_are_dns_labels(rendered: Bake, odd: dict[str, str]) -> None:
    objects = manifests(rendered(database="postgres", **odd))
    names = {objects[kind]["metadata"]["name"] for kind in objects.keys() - {"Kustomization"}}
    assert [name for name in names if not re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", name)] == []
    assert max(map(len, names)) <= 63 - len("-123456789.10")


@each_variant
def test_every_variable_in_a_manifest_is_a_setting(rendered: Bake, answers: dict[str, str]) -> None:
    service = rendered(**answers)
    known = settings_of(service)
    used = set(compose(service)["service"]["environment"])
    if answers["database"] == "postgres":
        objects = manifests(service)
        used |= settings_in(objects["Kustomization"]).keys()
        known |= {"PGPASSWORD"}
    assert used <= known
