# SPDX-License-Identifier: MIT
"""Apache httpd, with a config of its own, as one process that its pid ends."""

import os
import shutil
from pathlib import Path

PROGRAMS = ["apache2", "httpd"]
MODULES = ["/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/lib/httpd/modules",
           "/usr/lib64/apache2"]  # fmt: skip
# Those that this distribution has as files; others are built in, or not needed there.
WANTED = ["mpm_event", "authz_core", "unixd", "alias", "env", "filter", "deflate", "ratelimit",
          "headers"]  # fmt: skip

CONFIG = """\
ServerRoot {root}
ServerName lab
PidFile {root}/apache.pid
DefaultRuntimeDir {root}
ErrorLog {root}/error.log
LogLevel error
{modules}
Listen {port}
User #65534
Group #65534
DocumentRoot {files}
<Directory {files}>
    Require all granted
    Options None
</Directory>
AliasMatch "^/(gzipped|limited|no-etag)/(.*)$" "{files}/$2"
<Location "/gzipped/">
    SetEnv force-gzip 1
    SetOutputFilter DEFLATE
</Location>
<Location "/limited/">
    SetOutputFilter RATE_LIMIT
    SetEnv rate-limit 2048
</Location>
<Location "/no-etag/">
    FileETag None
</Location>
"""


def program():
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def load_lines():
    folder = next((path for path in MODULES if os.path.isdir(path)), None)
    assert folder, "where does this distribution keep Apache's modules?"
    paths = [(name, f"{folder}/mod_{name}.so") for name in WANTED]
    return "\n".join(f"LoadModule {n}_module {p}" for n, p in paths if os.path.exists(p))


class Apache:
    """Serves a folder; files and the folders above them must be readable for nobody."""

    def __init__(self, host, address, root, files, port=8101):
        self.host = host
        self.address = f"{address}:{port}"
        root = Path(root)
        root.mkdir()
        config = root / "apache.conf"
        config.write_text(
            CONFIG.format(root=root, files=files, port=port, modules=load_lines())
        )
        self.process = host.run(program(), "-X", "-d", root, "-f", config, name="apache")
        host.wait_for_port(port, process=self.process)

    def url(self, name, kind=""):
        """kind: "" plain, "gzipped" for everybody, "limited" to 2 MiB/s for each connection,
        "no-etag"."""
        return f"http://{self.address}/{kind + '/' if kind else ''}{name}"
