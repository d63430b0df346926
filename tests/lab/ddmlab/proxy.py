# SPDX-License-Identifier: MIT
"""Proxies on a host: tinyproxy for HTTP, microsocks for SOCKS5. Both look names up on that host."""

TOOLS = ["tinyproxy", "microsocks"]
HTTP_PORT = 8888
SOCKS_PORT = 1080


class HttpProxy:
    """Its log says what it was asked for."""

    def __init__(self, host):
        self.address = f"{host.address}:{HTTP_PORT}"
        config = host.lab.folder("proxy") / "tinyproxy.conf"
        config.write_text(
            f"Port {HTTP_PORT}\nListen 0.0.0.0\nTimeout 600\nMaxClients 100\nLogLevel Info\n"
        )
        self.process = host.run("tinyproxy", "-d", "-c", config)
        host.wait_for_port(HTTP_PORT, process=self.process)

    def url(self, scheme="http"):
        return f"{scheme}://{self.address}"


class SocksProxy:
    def __init__(self, host):
        self.address = f"{host.address}:{SOCKS_PORT}"
        self.process = host.run("microsocks", "-p", SOCKS_PORT)
        host.wait_for_port(SOCKS_PORT, process=self.process)

    def url(self, scheme="socks5h"):
        return f"{scheme}://{self.address}"
