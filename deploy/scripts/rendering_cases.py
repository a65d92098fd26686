"""What is special about one rendering: an assertion for each of the values in deploy/helm/millrace/ci."""

import re

import yaml
from rendering import ROOT, TLS_FILES, env_of


def kinds(it):
    return sorted({thing["kind"] for thing in it.objects} - {"Pod"})


def secret_refs(container):
    return {
        name: (entry["valueFrom"]["secretKeyRef"]["name"], entry["valueFrom"]["secretKeyRef"]["key"])
        for name, entry in env_of(container).items()
        if "valueFrom" in entry
    }


def defaults(it):
    always = ["ConfigMap", "Deployment", "PodDisruptionBudget", "Service", "ServiceAccount"]
    it.expect(kinds(it) == always, f"objects {kinds(it)}")
    it.expect(it.worker["resources"]["limits"] == {"memory": "461Mi"}, f"limits {it.worker['resources']['limits']}")
    it.expect(it.pod["terminationGracePeriodSeconds"] == 35, "the grace period is another")


def secrets_as_env(it):
    refs = secret_refs(it.worker)
    it.expect(refs.get("RABBITMQ_PASSWORD") == ("rabbitmq-default-user", "password"), f"{refs}")
    it.expect("RABBITMQ_URL" not in refs and len(refs) == 8, f"{sorted(refs)}")
    it.expect(not it.pod.get("volumes"), "files beside the environment")
    it.expect(secret_refs(it.pod["initContainers"][0]) == {"DATABASE_URL": ("pg-app", "uri")}, "of the migration")


def tls_everywhere(it):
    named = {name for name in env_of(it.worker) if name in TLS_FILES or "OTLP" in name}
    otlp = {"OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_KEY"}
    it.expect(named == TLS_FILES | otlp, f"missing {sorted((TLS_FILES | otlp) - named)}")
    tls = next(volume for volume in it.pod["volumes"] if volume["name"] == "tls")["projected"]["sources"]
    from_map = [s["configMap"]["items"][0]["path"] for s in tls if "configMap" in s]
    it.expect(sorted(from_map) == ["database/ca.crt", "minio/ca.crt", "otlp/ca.crt"], f"{from_map}")
    keys = {s["secret"]["items"][0]["path"]: s["secret"]["items"][0]["key"] for s in tls if "secret" in s}
    it.expect(keys["database/tls.key"] == "client.key" and keys["rabbitmq/tls.key"] == "tls.key", f"{keys}")


def keda(it):
    spec = it.one("ScaledObject")["spec"]
    queues = [trigger["metadata"]["queueName"] for trigger in spec["triggers"]]
    it.expect(queues == ["analytics.crawled", "old_tiktok", "old_youtube"], f"{queues}")
    it.expect({t["metadata"]["vhostName"] for t in spec["triggers"]} == {"crawl/eu"}, "another virtual host")
    it.expect({t["metadata"]["value"] for t in spec["triggers"]} == {"1000000"}, f"{spec['triggers']}")
    it.expect(spec["minReplicaCount"] == 0 and spec["fallback"]["replicas"] == 3, f"{spec}")
    reference = it.one("TriggerAuthentication")["spec"]["secretTargetRef"]
    it.expect([r["name"] for r in reference] == ["rabbitmq-management"], f"{reference}")
    it.expect(reference[0]["parameter"] == "host", f"{reference}")


def keda_own_authentication(it):
    it.expect(not it.of("TriggerAuthentication"), "a TriggerAuthentication beside the user's own")
    trigger = it.one("ScaledObject")["spec"]["triggers"][0]
    it.expect(trigger["authenticationRef"]["name"] == "rabbitmq-management", f"{trigger}")
    it.expect(trigger["metadata"]["vhostName"] == "/", f"{trigger}")


def one_replica(it):
    it.expect(it.deployment["spec"]["replicas"] == 1, "more than one")
    it.expect(it.pod["terminationGracePeriodSeconds"] == 131, f"{it.pod['terminationGracePeriodSeconds']} s")
    it.expect(it.worker["resources"]["limits"]["memory"] == "170Mi", f"{it.worker['resources']}")
    it.expect(it.settings["SHUTDOWN_GRACE_SECONDS"] == "120.5", f"{it.settings}")


def everything_off(it):
    it.expect(kinds(it) == ["ConfigMap", "Deployment"], f"objects {kinds(it)}")
    it.expect(not it.pod.get("volumes") and not it.worker.get("env"), "more than was asked for")
    # Settings come last, so that they win.
    it.expect([next(iter(source)) for source in it.worker["envFrom"]] == ["secretRef", "configMapRef"], "the order")


def everything_on(it):
    wanted = {"MAX_TEXT_BYTES": "1048576", "MAX_ITEMS_PER_BATCH": "10000000", "RETRY_INITIAL_DELAY": "0.5"}
    wanted |= {"LEGACY_MODE_ENABLED": "false", "METRICS_PORT": "8080"}
    it.expect(wanted.items() <= it.settings.items(), f"{it.settings}")
    it.expect("MINIO_EXTRA_BUCKETS" not in it.settings, "null is a value")
    it.expect(it.worker["resources"]["limits"]["memory"] == "1Gi", "the limit that was set is not in force")
    spread = it.pod["topologySpreadConstraints"]
    it.expect([s["whenUnsatisfiable"] for s in spread] == ["DoNotSchedule"], f"{spread}")
    egress = {port["port"] for rule in it.one("NetworkPolicy")["spec"]["egress"] for port in rule["ports"]}
    it.expect(5672 not in egress and {5671, 8200} <= egress, f"{egress}")
    it.expect(it.one("Service")["spec"]["ports"][0]["port"] == 8080, "the Service kept the port")


def migration_elsewhere(it):
    def source(volume):
        found = [v for v in it.pod["volumes"] if v["name"] == volume][0]["projected"]["sources"]
        return {s["secret"]["items"][0]["path"]: s["secret"]["name"] for s in found}

    migrate = it.pod["initContainers"][0]
    it.expect(source("migration") == {"DATABASE_URL": "pg-owner"}, f"{source('migration')}")
    it.expect(source("secrets")["DATABASE_URL"] == "pgbouncer", "the worker has another database")
    it.expect("secrets" not in [m["name"] for m in migrate["volumeMounts"]], "the migration reads all secrets")
    it.expect("migration" not in [m["name"] for m in it.worker["volumeMounts"]], "the worker reads the owner's password")
    it.expect("DATABASE_CA_FILE" in env_of(migrate), "the migration trusts no authority")
    it.expect(migrate["resources"]["limits"] == {"memory": "128Mi"}, f"{migrate['resources']}")


def migration_elsewhere_as_env(it):
    it.expect(secret_refs(it.pod["initContainers"][0])["DATABASE_URL"][0] == "pg-owner", "of the migration")
    it.expect(secret_refs(it.worker)["DATABASE_URL"][0] == "millrace", "of the worker")


def long_names(it):
    digest = "registry.example.org:5000/team/stream/millrace@sha256:" + "0123456789abcdef" * 4
    it.expect(it.worker["image"] == digest, f"image {it.worker['image']}")
    it.expect(it.settings["METRICS_ADDRESS"] == "::", "IPv6 is not listened on")
    it.expect(len(it.deployment["metadata"]["name"]) <= 63, "the name is too long")


def other_store(it):
    given = set(env_of(it.worker))
    it.expect({"OBJECT_STORE_URL_FILE", "RABBITMQ_URL_FILE"} <= given, f"{sorted(given)}")
    it.expect("DATABASE_URL_FILE" not in given and it.settings["DATABASE_URL_FILE"].startswith("/vault/"), f"{given}")


def monitoring(it):
    rules = {rule["metadata"]["name"]: rule for rule in it.of("PrometheusRule")}
    it.expect(sorted(rules) == ["millrace-alerts", "millrace-backlog", "millrace-recording"], f"{sorted(rules)}")
    for name, rule in rules.items():
        it.expect(rule["metadata"]["labels"]["release"] == "monitoring", "Prometheus does not choose it")
        source = (ROOT / f"deploy/prometheus/rules/{name}.yml").read_text()
        source = re.sub("(runbook_url: )", r"\1https://git.example.org/millrace/blob/main/", source)
        source = re.sub('queue="analytics.data.collected', 'queue="analytics.elsewhere', source)
        it.expect(rule["spec"] == yaml.safe_load(source), f"not the rules of {name}.yml")
    board = [m for m in it.of("ConfigMap") if m["metadata"]["labels"].get("grafana_dashboard") == "1"]
    it.expect(len(board) == 1 and "millrace.json" in board[0]["data"], "no dashboard")
    same = board and board[0]["data"]["millrace.json"].strip() == (ROOT / "deploy/grafana/millrace.json").read_text().strip()
    it.expect(same, "another dashboard")


EXPECTED = {
    "00-defaults": defaults,
    "10-secrets-as-env": secrets_as_env,
    "11-tls-everywhere": tls_everywhere,
    "20-keda": keda,
    "22-keda-own-authentication": keda_own_authentication,
    "30-one-replica": one_replica,
    "31-everything-off": everything_off,
    "32-everything-on": everything_on,
    "40-migration-elsewhere": migration_elsewhere,
    "41-migration-elsewhere-as-env": migration_elsewhere_as_env,
    "50-long-names": long_names,
    "51-other-store": other_store,
    "60-monitoring": monitoring,
}
