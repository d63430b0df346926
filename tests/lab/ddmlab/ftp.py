# SPDX-License-Identifier: MIT
"""FTP: vsftpd with a config of its own, and a small server in Python for what vsftpd never does."""

import contextlib
import threading
from pathlib import Path

# One process for each session, all of them children of the one in the foreground, as the user "ftp"
# of the system.
CONFIG = """\
listen=YES
background=NO
listen_address={address}
listen_port={port}
anonymous_enable=YES
no_anon_password=YES
anon_root={files}
nopriv_user=nobody
secure_chroot_dir={root}/empty
local_enable=NO
write_enable=NO
pasv_enable=YES
port_enable=NO
seccomp_sandbox=NO
xferlog_enable=YES
vsftpd_log_file={root}/vsftpd.log
log_ftp_protocol=YES
{more}
"""

TLS = """\
ssl_enable=YES
implicit_ssl=YES
allow_anon_ssl=YES
force_anon_data_ssl=YES
force_anon_logins_ssl=YES
rsa_cert_file={certificate}
rsa_private_key_file={key}
"""


class Vsftpd:
    """vsftpd on a host, up. `more`: lines of its config, such as "max_per_ip=2"."""

    def __init__(self, host, address, root, files, port=21, more="", scheme="ftp"):
        self.host = host
        self.address = address
        self.port = port
        self.scheme = scheme
        self.root = Path(root)
        (self.root / "empty").mkdir(parents=True, exist_ok=True)
        # Whoever it runs as must get there.
        for folder in [Path(files), *Path(files).parents][:4]:
            if str(folder) not in ("/", "/tmp"):
                folder.chmod(0o755)
        config = self.root / "vsftpd.conf"
        config.write_text(
            CONFIG.format(address=address, port=port, files=files, root=self.root, more=more)
        )
        self.process = host.run("vsftpd", config, name="vsftpd")
        host.wait_for_port(port, address, process=self.process)

    def url(self, name):
        return f"{self.scheme}://{self.address}:{self.port}/{name}"

    def commands(self):
        """The command lines of all sessions, as its log has them."""
        text = (self.root / "vsftpd.log").read_text(errors="replace")
        return [
            line.split('FTP command: Client "')[1].split('", "', 1)[1].rstrip('"')
            for line in text.splitlines()
            if "FTP command: Client" in line and '", "' in line
        ]


def with_tls(host, address, root, files, certificate, key, port=990):
    more = TLS.format(certificate=certificate, key=key)
    return Vsftpd(host, address, root, files, port, more, "ftps")


class FakeFtp:
    """One file under any name; `data` may be changed while it runs. What it does not do as it should:
    no_size, no_rest: 502 to these commands; deaf: says 350 to REST and begins at 0 all the same;
    short: closes the data connection so many bytes before the end; bounce: the address that PASV
    names (EPSV is unknown to it then); greeting: said instead of 220; refuse: {command: reply};
    data_port: the port that EPSV and PASV name, whatever listens there."""

    def __init__(self, host, address, data, no_size=False, no_rest=False, deaf=False, short=0,
                 bounce=None, greeting=None, refuse=None,
                 data_port=None):  # fmt: skip
        self.host = host
        self.address = address
        self.data = data
        self.no_size, self.no_rest, self.deaf, self.short = no_size, no_rest, deaf, short
        self.bounce, self.greeting, self.refuse = bounce, greeting, refuse or {}
        self.data_port = data_port
        self.commands = []
        self._listener = host.namespace.listen(0, address)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, name="file"):
        return f"ftp://{self.address}:{self.port}/{name}"

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            _Session(self, connection).run()


class _Session:
    """One control connection."""

    def __init__(self, server, connection):
        self.server = server
        self.connection = connection
        self.start = 0
        self.data_listener = None

    def say(self, text):
        self.connection.sendall(text.encode() + b"\r\n")

    def run(self):
        self.say(self.server.greeting or "220 hello")
        if self.server.greeting:
            return
        for line in self.connection.makefile("r", encoding="latin-1", newline="\r\n"):
            self.server.commands.append(line.strip())
            word, _, rest = line.strip().partition(" ")
            if word in self.server.refuse:
                self.say(self.server.refuse[word])
            else:
                getattr(self, f"on_{word.lower()}", self.on_other)(rest)

    def on_other(self, rest):
        self.say("502 what?")

    def on_user(self, rest):
        self.say("331 and the password?")

    def on_pass(self, rest):
        self.say("230 come in")

    def on_pwd(self, rest):
        self.say('257 "/" is here')

    def on_type(self, rest):
        self.say("200 fine")

    def on_cwd(self, rest):
        self.say("250 there")

    def on_mdtm(self, rest):
        self.say("213 20240229120000")

    def on_size(self, rest):
        self.say("502 no SIZE" if self.server.no_size else f"213 {len(self.server.data)}")

    def on_rest(self, rest):
        self.start = int(rest)
        self.say("502 no REST" if self.server.no_rest else "350 from there")

    def _listen(self):
        self.data_listener = self.server.host.namespace.listen(0, self.server.address)
        return self.server.data_port or self.data_listener.getsockname()[1]

    def on_epsv(self, rest):
        self.say("502 no EPSV" if self.server.bounce else f"229 here (|||{self._listen()}|)")

    def on_pasv(self, rest):
        port = self._listen()
        address = (self.server.bounce or self.server.address).replace(".", ",")
        self.say(f"227 here ({address},{port // 256},{port % 256})")

    def on_retr(self, rest):
        start = 0 if self.server.deaf else self.start
        body = self.server.data[start : len(self.server.data) - self.server.short]
        self.say("150 it comes")
        data, _ = self.data_listener.accept()
        with data, contextlib.suppress(OSError):
            data.sendall(body)
        self.data_listener.close()
        self.say("226 that was it")

    def on_quit(self, rest):
        self.say("221 bye")
