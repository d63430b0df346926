# SPDX-License-Identifier: MIT
"""Proxies that people use: tinyproxy (HTTP, CONNECT), microsocks (SOCKS5). `login`: (name, password)."""

from pathlib import Path

TOOLS = ["tinyproxy", "microsocks"]

TINYPROXY = """\
Port {port}
Timeout 60
LogLevel Info
LogFile "{root}/tinyproxy.log"
PidFile "{root}/tinyproxy.pid"
MaxClients 100
DisableViaHeader Yes
{more}
"""


class _Proxy:
    def __init__(self, scheme, host, port, login):
        self.host = host
        self.port = port
        self._scheme = scheme
        self._login = login

    def url(self, scheme=None, login=True):
        user = "{}:{}@".format(*self._login) if self._login and login else ""
        return f"{scheme or self._scheme}://{user}{self.host.address}:{self.port}"


class Tinyproxy(_Proxy):
    def __init__(self, host, root, port=8888, login=None):
        super().__init__("http", host, port, login)
        self.root = Path(root)
        more = "BasicAuth {} {}".format(*login) if login else ""
        config = self.root / "tinyproxy.conf"
        config.write_text(TINYPROXY.format(port=port, root=self.root, more=more))
        self.process = host.run("tinyproxy", "-d", "-c", config, name="tinyproxy")
        host.wait_for_port(port, process=self.process)


class Microsocks(_Proxy):
    def __init__(self, host, port=1080, login=None):
        super().__init__("socks5", host, port, login)
        more = ["-u", login[0], "-P", login[1]] if login else []
        self.process = host.run("microsocks", "-p", port, *more, name="microsocks")
        host.wait_for_port(port, process=self.process)
