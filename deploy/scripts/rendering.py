"""One rendering of the chart, as its assertions look at it, and the names that docs/SETTINGS.md knows."""

import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm/millrace"
TLS_FILES = {
    "RABBITMQ_CA_FILE", "RABBITMQ_CERT_FILE", "RABBITMQ_KEY_FILE",
    "DATABASE_CA_FILE", "DATABASE_CERT_FILE", "DATABASE_KEY_FILE",
    "MINIO_CA_FILE",
}  # fmt: skip


def settings_page():
    """The names of docs/SETTINGS.md: all of them with their files, and the secret ones."""
    names, secret = set(), set()
    for line in (ROOT / "docs/SETTINGS.md").read_text().splitlines():
        cells = line.split("|")
        if len(cells) < 5 or not cells[1].strip().startswith("`"):
            continue
        found = re.findall(r"`([A-Z][A-Z0-9_]*)`", cells[1])
        names.update(found)
        if "*secret*" in cells[1]:
            secret.update(found)
    return names | {f"{name}_FILE" for name in secret} | TLS_FILES, secret


SETTINGS, SECRET = settings_page()


class Rendering:
    """One rendering, with what is looked for again and again."""

    def __init__(self, path):
        self.case = path.stem.removesuffix("-values")
        self.problems = []
        self.objects = [doc for doc in yaml.safe_load_all(path.read_text()) if doc]
        self.deployment = self.one("Deployment")
        self.pod = self.deployment["spec"]["template"]["spec"]
        self.worker = self.pod["containers"][0]
        self.labels = self.deployment["spec"]["template"]["metadata"]["labels"]
        self.settings = self.one("ConfigMap", self.worker["envFrom"][-1]["configMapRef"]["name"]).get("data") or {}

    def of(self, kind):
        return [thing for thing in self.objects if thing["kind"] == kind]

    def one(self, kind, name=None):
        found = [thing for thing in self.of(kind) if name in (None, thing["metadata"]["name"])]
        if len(found) != 1:
            sys.exit(f"assert-manifests: {self.case}: {len(found)} objects of kind {kind}, name {name}")
        return found[0]

    def pods(self):
        """Everything that becomes a pod: its labels and its spec."""
        yield self.labels, self.pod
        for pod in self.of("Pod"):
            yield pod["metadata"]["labels"], pod["spec"]

    def containers(self):
        for labels, pod in self.pods():
            for container in pod.get("initContainers", []) + pod["containers"]:
                yield pod, container

    def expect(self, truth, problem):
        if not truth:
            self.problems.append(problem)

    def most_replicas(self):
        for kind, field in (("ScaledObject", "maxReplicaCount"), ("HorizontalPodAutoscaler", "maxReplicas")):
            for scaler in self.of(kind):
                return scaler["spec"][field]
        return self.deployment["spec"]["replicas"]


def env_of(container):
    return {entry["name"]: entry for entry in container.get("env", [])}


def mebibytes(quantity):
    number, unit = re.fullmatch(r"([0-9.]+)(Mi|Gi)", str(quantity)).groups()
    return float(number) * {"Mi": 1, "Gi": 1024}[unit]
