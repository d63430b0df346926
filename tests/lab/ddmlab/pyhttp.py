# SPDX-License-Identifier: MIT
"""Python's own http.server, as people start it in a folder: HTTP/1.0, no ranges, no ETag."""

import sys


class PyHttp:
    """Serves a folder."""

    def __init__(self, host, address, root, files, port=8103):
        self.host = host
        self.address = f"{address}:{port}"
        self.process = host.run(
            sys.executable, "-m", "http.server", "-d", files, port, name="http.server"
        )
        host.wait_for_port(port, process=self.process)

    def url(self, name, kind=""):
        assert not kind
        return f"http://{self.address}/{name}"
