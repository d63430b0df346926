# SPDX-License-Identifier: MIT
"""lighttpd, with a config of its own."""

from pathlib import Path

CONFIG = """\
server.document-root = "{files}"
server.port = {port}
server.bind = "0.0.0.0"
# It would go on saying for a second what was there before.
server.stat-cache-engine = "disable"
server.errorlog = "{root}/error.log"
server.upload-dirs = ( "{root}" )
mimetype.assign = ( "" => "application/octet-stream" )
server.modules = ( "mod_alias" )
alias.url = ( "/no-ranges/" => "{files}/", "/no-etag/" => "{files}/" )
$HTTP["url"] =~ "^/no-ranges/" {{ server.range-requests = "disable" }}
$HTTP["url"] =~ "^/no-etag/" {{
    etag.use-inode = "disable"
    etag.use-mtime = "disable"
    etag.use-size = "disable"
}}
"""


class Lighttpd:
    """Serves a folder."""

    def __init__(self, host, address, root, files, port=8102):
        self.host = host
        self.address = f"{address}:{port}"
        root = Path(root)
        root.mkdir()
        config = root / "lighttpd.conf"
        config.write_text(CONFIG.format(root=root, files=files, port=port))
        self.process = host.run("lighttpd", "-D", "-f", config, name="lighttpd")
        host.wait_for_port(port, process=self.process)

    def url(self, name, kind=""):
        """kind: "" plain, "no-ranges", "no-etag"."""
        return f"http://{self.address}/{kind + '/' if kind else ''}{name}"
