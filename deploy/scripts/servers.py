"""Real servers and tools for the checks of deployment: private, on loopback, gone with the block they are used in."""

import base64
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request


def tool(name):
    """A program: as its variable says, on the PATH, or in the cache; None where it is nowhere."""
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    tools = pathlib.Path(os.environ.get("MILLRACE_TOOLS") or pathlib.Path(cache) / "millrace-tools")
    cached = tools / "bin" / name
    named = os.environ.get(name.upper().replace("-", "_") + "_BIN")
    return named or shutil.which(name) or (str(cached) if cached.is_file() else None)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class RabbitMq:
    """A private node of the Debian package, with management and metrics."""

    SERVER = pathlib.Path("/usr/lib/rabbitmq/bin/rabbitmq-server")

    def __init__(self, folder, configuration=""):
        self.folder = folder
        folder.mkdir()
        self.amqp, self.http, self.metrics, self.distribution = (free_port() for _ in range(4))
        (folder / "conf.d").mkdir()
        (folder / "conf.d/30-more.conf").write_text(configuration)
        (folder / "conf.d/10-private.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.amqp}\n"
            f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {self.http}\n"
            f"prometheus.tcp.ip = 127.0.0.1\nprometheus.tcp.port = {self.metrics}\n"
            "loopback_users.guest = false\nlog.console = true\ndisk_free_limit.absolute = 50MB\n"
        )
        (folder / "enabled_plugins").write_text("[rabbitmq_management,rabbitmq_prometheus].\n")
        (folder / "inetrc").write_text('{lookup, [file]}.\n{host, {127,0,0,1}, ["localhost"]}.\n')
        (folder / "home").mkdir()

    def __enter__(self):
        paths = {
            "HOME": "home",
            "ERL_INETRC": "inetrc",
            "RABBITMQ_CONFIG_FILE": "none",
            "RABBITMQ_CONFIG_FILES": "conf.d",
            "RABBITMQ_ENABLED_PLUGINS_FILE": "enabled_plugins",
            "RABBITMQ_MNESIA_BASE": "data",
            "RABBITMQ_LOG_BASE": "log",
            "RABBITMQ_FEATURE_FLAGS_FILE": "feature_flags",
            "RABBITMQ_PID_FILE": "pid",
            "RABBITMQ_PLUGINS_EXPAND_DIR": "plugins",
            "RABBITMQ_GENERATED_CONFIG_DIR": "generated",
            "RABBITMQ_CONF_ENV_FILE": "no-environment",
            "RABBITMQ_ADVANCED_CONFIG_FILE": "no-advanced-config",
        }
        environment = dict(os.environ, **{name: str(self.folder / path) for name, path in paths.items()})
        environment["RABBITMQ_NODENAME"] = "compose@localhost"
        environment["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"] = (
            "-sname compose@localhost -start_epmd false "
            f"-erl_epmd_port {self.distribution} -kernel inet_dist_use_interface {{127,0,0,1}}"
        )
        # The script becomes the broker then, instead of watching over it.
        environment["detached"] = "1"
        log = open(self.folder / "log.txt", "w")
        self.process = subprocess.Popen(
            [self.SERVER], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        try:
            wait_for("rabbitmq to answer", self.answers, self.process, 180)
        except RuntimeError as error:
            self.__exit__()
            raise RuntimeError(f"{error}: {(self.folder / 'log.txt').read_text()[-3000:]}") from error
        return self

    def __exit__(self, *_):
        end(self.process, signal.SIGTERM)

    def answers(self):
        return all(is_open(port) for port in (self.amqp, self.http, self.metrics))

    def ask(self, path, user, password, method="GET", body=None):
        """The status of an answer of the management API."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}/api/{path}", method=method, data=body)
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code


class Postgres:
    """A private cluster of the Debian package. It refuses to run as root, so root runs it as `postgres`."""

    USER, PASSWORD, DATABASE = "millrace", "millrace-postgres", "postgres"

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()

    @staticmethod
    def programs():
        """The folder of `initdb` and `postgres`, of the newest version; None where there is none."""
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
        return found[-1].parent if found else None

    def __enter__(self):
        self.folder.mkdir()
        identity = []
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            identity = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
        password = self.folder / "password"
        password.write_text(self.PASSWORD)
        password.chmod(0o644)
        programs, data = self.programs(), self.folder / "data"
        initdb = [programs / "initdb", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", "--no-sync"]
        initdb += [f"--username={self.USER}", f"--pwfile={password}", f"--pgdata={data}"]
        subprocess.run(identity + initdb, check=True, capture_output=True, cwd=self.folder)
        server = [programs / "postgres", "-D", data, "-c", f"port={self.port}", "-c", "listen_addresses=127.0.0.1"]
        server += ["-c", "unix_socket_directories=", "-c", "fsync=off"]
        log = open(self.folder.parent / "postgres.log", "w")
        self.process = subprocess.Popen(identity + server, stdout=log, stderr=log, cwd=self.folder)
        wait_for("postgres to listen", lambda: is_open(self.port), self.process)
        return self

    def __exit__(self, *_):
        # The fast shutdown, which waits for no session.
        end(self.process, signal.SIGINT)

    def value(self, query):
        """What one query says, by psql."""
        url = f"postgresql://{self.USER}:{self.PASSWORD}@127.0.0.1:{self.port}/{self.DATABASE}"
        done = subprocess.run(
            [self.programs() / "psql", "-XAtq", "-c", query, url], capture_output=True, text=True, timeout=30
        )
        return done.stdout.strip() if done.returncode == 0 else None


class NameServer:
    """dnsmasq on port 53 of a loopback address of its own, which knows these names and asks no other."""

    def __init__(self, address, names):
        self.address, self.names = address, names

    def __enter__(self):
        command = ["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--no-daemon"]
        command += ["--bind-interfaces", f"--listen-address={self.address}", "--pid-file=", "--log-queries"]
        command += [f"--host-record={name},{address}" for name, address in self.names.items()]
        self.log = subprocess.PIPE
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        wait_for("dnsmasq to listen", lambda: is_open(53, self.address), self.process)
        return self

    def __exit__(self, *_):
        end(self.process, signal.SIGTERM)
        self.asked = self.process.stderr.read()


def is_open(port, address="127.0.0.1"):
    try:
        socket.create_connection((address, port), 1).close()
        return True
    except OSError:
        return False


def wait_for(what, condition, process=None, seconds=60):
    """Returns what the condition says as soon as it is true."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"waiting for {what}: it ended with {process.returncode}")
        found = condition()
        if found:
            return found
        time.sleep(0.2)
    raise RuntimeError(f"waited {seconds} s for {what}")


def end(process, how):
    """Stops it in order, and by force where that takes too long."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
