# SPDX-License-Identifier: MIT
"""SFTP: OpenSSH's server with keys and a config of its own, and a home for who asks it."""

import os
import shutil
import subprocess
from pathlib import Path

CONFIG = """\
Port {port}
ListenAddress {address}
HostKey {root}/host
AuthorizedKeysFile {root}/authorized
StrictModes no
UsePAM no
PidFile none
PermitRootLogin yes
Subsystem sftp internal-sftp
"""


def make_key(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return Path(f"{path}.pub").read_text()


class Sshd:
    """sshd on a host, up. `home` is the HOME of whoever may log in: with a key, and with the host
    in its known_hosts."""

    def __init__(self, host, address, root, port=2222):
        self.address = address
        self.port = port
        root = Path(root)
        self.home = root / "home"
        (self.home / ".ssh").mkdir(parents=True)
        self.known_hosts = self.home / ".ssh" / "known_hosts"
        host_key = make_key(root / "host")
        (root / "authorized").write_text(make_key(self.home / ".ssh" / "id_ed25519"))
        self.known_hosts.write_text(f"[{address}]:{port} {host_key}")
        config = root / "sshd.conf"
        config.write_text(CONFIG.format(port=port, address=address, root=root))
        os.makedirs("/run/sshd", exist_ok=True)
        self.process = host.run(shutil.which("sshd"), "-D", "-e", "-f", config, name="sshd")
        host.wait_for_port(port, address, process=self.process)

    def url(self, path):
        """Of a file by its absolute path."""
        return f"sftp://{self.address}:{self.port}/{path}"
