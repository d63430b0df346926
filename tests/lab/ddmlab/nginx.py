# SPDX-License-Identifier: MIT
"""nginx, with a config, a log and temporary files of its own.

One process without a master: nothing is left when it is killed."""

import json
from pathlib import Path

from .waiting import wait_until

LOG_FORMAT = (
    "log_format lab escape=json '{"
    '"client":"$remote_addr","connection":$connection,"nth":$connection_requests,'
    '"method":"$request_method","uri":"$request_uri","range":"$http_range",'
    '"if_range":"$http_if_range","encoding":"$http_accept_encoding","agent":"$http_user_agent",'
    '"status":$status,"sent":$body_bytes_sent,"seconds":$request_time,"ended":$msec,'
    '"completed":"$request_completion"'
    "}';"
)

FRAME = """\
daemon off;
master_process off;
worker_processes 1;
user root;
pid {root}/nginx.pid;
error_log {root}/error.log warn;
events {{ worker_connections 2048; }}
http {{
    {log_format}
    access_log {root}/access.log lab;
    default_type application/octet-stream;
    types {{ }}
    sendfile on;
    tcp_nopush on;
    server_tokens off;
    keepalive_timeout 120;
    keepalive_requests 100000;
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
    limit_conn_zone $binary_remote_addr zone=addresses:1m;
    limit_conn_status 503;
    limit_req_zone $binary_remote_addr zone=requests:1m rate=4r/s;
    limit_req_status 429;
{body}
}}
"""

# Each kind of origin is a path of its own, so that one server has them all.
ORIGIN = """\
    server {{
        listen {port} default_server;
        root {files};
        location / {{ }}
        location ~ ^/limited/(?<rate>[0-9]+k)/(?<file>.*)$ {{
            limit_rate $rate; alias {files}/$file;
        }}
        location ~ ^/no-ranges/(?<file>.*)$ {{ max_ranges 0; alias {files}/$file; }}
        location ~ ^/one-connection/(?<file>.*)$ {{ limit_conn addresses 1; alias {files}/$file; }}
        location ~ ^/limited-one/(?<rate>[0-9]+k)/(?<file>.*)$ {{
            limit_conn addresses 1; limit_rate $rate; alias {files}/$file;
        }}
        location ~ ^/few-requests/(?<file>.*)$ {{
            limit_req zone=requests burst=2 nodelay; alias {files}/$file;
        }}
        location ~ ^/gzipped/(?<file>.*)$ {{ gzip_static always; alias {files}/$file; }}
        location ~ ^/gunzipped/(?<file>.*)$ {{
            gzip_static always; gunzip on; alias {files}/$file;
        }}
        location ~ ^/no-etag/(?<file>.*)$ {{ etag off; alias {files}/$file; }}
        location = /lab-status {{ stub_status; access_log off; }}
    }}"""

# Buffers as large as they help, upstream connections kept, nothing on disk: nginx at its best.
PROXY = """\
    upstream origin {{ server {upstream}; keepalive 16; }}
    server {{
        listen {port} default_server;
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

# One fetch for all who ask for a slice while it comes; the others wait for it as long as it takes.
CACHE = """\
    proxy_cache_path {root}/cache keys_zone=cache:1m max_size=4g use_temp_path=off;
    upstream origin {{ server {upstream}; keepalive 16; }}
    server {{
        listen {port} default_server;
        location / {{
            slice 1m;
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Range $slice_range;
            proxy_cache cache;
            proxy_cache_key $uri$slice_range;
            proxy_cache_valid 200 206 1h;
            proxy_cache_lock on;
            proxy_cache_lock_timeout 1h;
            proxy_cache_lock_age 1h;
        }}
    }}"""


class Nginx:
    """nginx on a host. Made by Lab.origin() and Lab.proxy()."""

    def __init__(self, host, root, body, port=80):
        self.host = host
        self.port = port
        self.root = Path(root)
        self.root.mkdir(parents=True, exist_ok=True)
        self.log_path = self.root / "access.log"
        config = self.root / "nginx.conf"
        config.write_text(FRAME.format(root=self.root, log_format=LOG_FORMAT, body=body))
        self.process = host.run(
            "nginx", "-p", self.root, "-e", self.root / "error.log", "-c", config, name="nginx"
        )
        host.wait_for_port(port, process=self.process)


class Origin(Nginx):
    """The origin: files in `files`, seen under several paths that behave differently."""

    def __init__(self, host, address, root, port=80):
        self.address = address
        self.files = Path(root) / "files"
        self.files.mkdir(parents=True, exist_ok=True)
        self._log_start = 0
        super().__init__(host, root, ORIGIN.format(port=port, files=self.files), port)

    def url(self, name, kind=""):
        """kind: "" plain, "limited/256k" bytes per second and connection, "no-ranges",
        "one-connection" per address (503 for more), "limited-one/256k" both, "few-requests" 4 a
        second (429 for more), "gzipped" what stands in NAME.gz, "gunzipped" the same decoded as
        it goes, "no-etag"."""
        port = "" if self.port == 80 else f":{self.port}"
        path = f"{kind}/{name}" if kind else name
        return f"http://{self.address}{port}/{path}"

    def settle(self):
        """Waits until no request is in progress, so that the log is complete."""
        wait_until(lambda: self.active() == 0, "the origin to finish its requests")

    def active(self):
        """Requests in progress now."""
        reply = self.host.request("GET", f"127.0.0.1:{self.port}", "/lab-status")
        words = reply.body.decode().split()
        return int(words[words.index("Writing:") + 1]) - 1

    def log(self, settle=True):
        """The requests that ended since the start or the last forget(), oldest first."""
        if settle:
            self.settle()
        if not self.log_path.exists():
            return []
        text = self.log_path.read_text()
        return [json.loads(line) for line in text.splitlines()[self._log_start :]]

    def forget(self):
        """What is in the log now is not reported any more."""
        self._log_start = 0
        self._log_start = len(self.log())

    def bytes_sent(self):
        """The bodies of all requests together."""
        return sum(request["sent"] for request in self.log())


def proxy_config(upstream, port):
    return PROXY.format(upstream=upstream, port=port)


def cache_config(upstream, port, root):
    return CACHE.format(upstream=upstream, port=port, root=root)
