# SPDX-License-Identifier: MIT
"""One large file through a relay that serves TLS 1.3 with certificates on both sides, to
/dev/null: a peer against nginx with one worker."""

import json

from ddmlab.content import make_big_file
from ddmlab.nginx import Nginx
from ddmlab.swarm import Swarm

from .relay import NGINX, PEER, compared, cpu_seconds, once, plots, texts  # noqa: F401
from .setting import say
from .stats import in_turn

TITLE = "2 GiB through a peer and nginx, over TLS"
ROUNDS = 10
MINUTES = 2.5
SHORT = 0.125
SHORT_ROUNDS = 5
NEEDS = []

JSON = "Content-Type: application/json"
SIZE = 2048  # MiB
LIMIT = 1.0
PORT = 8443

# As in ddmlab.nginx, and with the same cipher as a peer.
PROXY = """\
    upstream origin {{ server {upstream}; keepalive 16; }}
    server {{
        listen {port} ssl default_server;
        ssl_certificate {files.certificate};
        ssl_certificate_key {files.key};
        ssl_client_certificate {ca};
        ssl_verify_client on;
        ssl_protocols TLSv1.3;
        ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
        location / {{
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffers 64 64k;
            proxy_buffer_size 64k;
            proxy_busy_buffers_size 512k;
            proxy_max_temp_file_size 0;
        }}
    }}"""


def run(setting):
    with setting.lab() as lab:
        path = make_big_file(lab.origin.files / "file", setting.bytes(SIZE))
        relays = start(lab, path.stat().st_size)
        found = {name: {"rate": [], "cpu": [], "peak": []} for name in relays}
        for number in range(setting.rounds):
            (lab.origin.files / f"file-{number}").hardlink_to(path)
            for name in in_turn(relays, number):
                ask, pid, process = relays[name]
                before = cpu_seconds(pid)
                found[name]["rate"].append(once(ask, f"file-{number}", path.stat().st_size))
                found[name]["cpu"].append(cpu_seconds(pid) - before)
                found[name]["peak"].append(process.memory().peak)
            say(", ".join(f"{name} {m['rate'][-1] / 1e9:.2f} GB/s" for name, m in found.items()))
    return {"size": setting.bytes(SIZE), "relays": found}


def start(lab, count):
    """{name: (how to ask it for a file, the process that does the work, its process)}"""
    here, upstream = lab.origin_host, f"127.0.0.1:{lab.origin.port}"
    swarm = Swarm(lab).join(here)
    files = swarm.files(here)
    ca = here.state / "ca.crt"
    peer = lab.start_peer(here, "--cache-size", "0", tracker=None,
                          allow="127.0.0.0/8,10.0.0.0/8").wait_until_up()  # fmt: skip
    body = PROXY.format(upstream=upstream, port=PORT, files=files, ca=ca)
    proxy = Nginx(here, lab.directory / "proxy-tls", body, PORT)
    tls = ["--cacert", ca, "--cert", files.certificate, "--key", files.key]

    def curl(port, path, output, *more):
        where = ["--connect-to", "::127.0.0.1:", *tls, *more]
        return here.curl(f"https://ddm:{port}{path}", *where, output=output, limit=300)

    def ask_peer(name, output):
        wanted = json.dumps({"url": f"http://{upstream}/{name}", "begin": 0, "end": count})
        return curl(peer.port, "/v1/fetch", output, "-H", JSON, "--data-binary", wanted)

    def ask_proxy(name, output):
        return curl(PORT, f"/{name}", output)

    return {
        PEER: (ask_peer, peer.process.pid, peer.process),
        NGINX: (ask_proxy, proxy.process.pid, proxy.process),
    }


def goals(data):
    return compared(data, LIMIT, " over TLS")
