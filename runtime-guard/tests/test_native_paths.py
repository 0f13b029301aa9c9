"""Paths that are objects: who is asked twice may answer differently.

Also what objects say of themselves, where the guard has to look instead of ask.
"""

from __future__ import annotations

import os
import tempfile

from native_case import LINUX, Case

# Answers the path it was made with once, and another one ever after.
TWO_FACED = """
import importlib, os, sys
root, outside = {root!r}, {outside!r}

class Path:
    def __init__(self, name="inside"):
        self.first, self.asked = os.path.join(root, name), 0

    def __fspath__(self):
        self.asked += 1
        return self.first if self.asked == 1 else outside

def module(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        print("done")
        raise SystemExit
"""

# Functions that take a path and are guarded by their slot; `p` is the object.
SLOTS = [
    "os.stat(p)",
    "os.stat(path=p, follow_symlinks=False)",
    "os.lstat(p)",
    "os.access(p, os.F_OK)",
    "os.readlink(p)",
    "os.statvfs(p)",
    "os.pathconf(p, 'PC_NAME_MAX')",
    "os.mkfifo(p)",
    "os.mknod(p)",
    "os.open(p, os.O_RDONLY)",
    "os.open(path=p, flags=os.O_RDONLY)",
    "open(p)",
    "os.truncate(p, 0)",
    "os.chroot(p)",
    "ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(p)",
    "ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certfile=p)",
    "ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(root + '/inside', keyfile=p)",
    "ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(p)",
    "ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(capath=p)",
    "readline.read_history_file(p)",
    "readline.write_history_file(p)",
    "readline.append_history_file(0, p)",
    "readline.read_init_file(p)",
    "_gdbm.open(p)",
    "_dbm.open(p)",
    "_posixshmem.shm_open(path=p, flags=0)",
]


class Paths(Case):
    def setUp(self) -> None:
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.root = os.path.join(os.path.realpath(made.name), "root")
        self.outside = os.path.join(os.path.realpath(made.name), "outside")
        os.mkdir(self.root)
        for name in (os.path.join(self.root, "inside"), self.outside):
            with open(name, "w") as file:
                file.write(name)
        self.before = TWO_FACED.format(root=self.root, outside=self.outside)

    def test_an_object_is_asked_once(self) -> None:
        if not LINUX:
            self.skipTest("the functions of POSIX")
        for call in SLOTS:
            # The class that is used is made before: making it is no matter of this test.
            name = call.split(".", 1)[0]
            need = "" if name.startswith("open") else f"{name} = module({name!r})\n"
            made = "ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)"
            context = f"context = {made}\n" if made in call else ""
            self.done(
                f"""
                p = Path()
                try:
                    {call.replace(made, "context")}
                except (OSError, RuntimeError, TypeError, ValueError, ArithmeticError) as error:
                    pass
                except Exception as error:
                    if type(error).__module__ not in ("_gdbm", "_dbm"):
                        raise
                if p.asked > 1:
                    raise LookupError("asked %d times" % p.asked)
                """,
                self.before + need + context,
                fs_root=self.root,
            )

    def test_an_object_names_what_is_done(self) -> None:
        if not LINUX:
            self.skipTest("the functions of POSIX")
        for call in ("os.stat(p)", "os.access(p, 0)", "os.statvfs(p)", "os.open(p, 0)", "open(p)", "os.listdir(p)"):
            ask = f"p = Path({'' if 'listdir' in call else 'str()'})\np.asked = 1\n{call}"
            rule = "directory-list" if "listdir" in call else "file-read"
            self.denied(rule, ask, self.before, fs_root=self.root)
        self.done("p = Path(); assert os.stat(p).st_size", self.before, fs_root=self.root)

    def test_a_file_that_lies(self) -> None:
        os.symlink(self.outside, os.path.join(self.root, "link"))
        before = (
            self.before
            + """
import io
harmless = os.open(os.path.join(root, "inside"), os.O_RDONLY)

class Fileno(io.FileIO):
    def fileno(self):
        return harmless

class Close(io.FileIO):
    kept = None

    def close(self):
        Close.kept = self
"""
        )
        self.denied("file-read", "Fileno(os.path.join(root, 'link'))", before, fs_root=self.root)
        code = """
        try:
            Close(os.path.join(root, "link"))
        except RuntimeError:
            pass
        else:
            raise LookupError("opened")
        if Close.kept is not None and not Close.kept.closed:
            io.FileIO.read(Close.kept)
            raise LookupError("kept open")
        """
        self.done(code, before, fs_root=self.root)

    def test_a_file_by_its_descriptor(self) -> None:
        """What was open before is its owner's; it is not closed by being looked at."""
        before = self.before + "number = os.open(outside, os.O_RDONLY)"
        code = """
        file = open(number, closefd=False)
        file.read()
        file.close()
        os.fstat(number)
        """
        self.done(code, before, fs_root=self.root)


class Objects(Case):
    def test_a_socket_that_lies(self) -> None:
        before = """
        import socket

        class Socket(socket.socket):
            def getsockname(self):
                return ("127.0.0.1", 1)
        """
        self.denied("network-listen", "Socket().listen()", before, no_network=True)
        self.done("s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()", before, no_network=True)

    def test_a_spec_that_lies(self) -> None:
        """Built-in modules are made by the name that was judged."""
        before = """
        import _imp, sys
        name = next(name for name in ("_symtable", "_tracemalloc", "_string") if name in sys.builtin_module_names)
        sys.modules.pop(name, None)

        class Spec:
            asked = 0

            def __getattribute__(self, attribute):
                if attribute != "name":
                    return object.__getattribute__(self, attribute)
                Spec.asked += 1
                return "sys" if Spec.asked == 1 else name
        """
        code = """
        made = _imp.create_builtin(Spec())
        if made is not None and made.__name__ == name:
            raise LookupError("made")
        """
        self.done(code, before, deny_import=["_symtable", "_tracemalloc", "_string"])

    def test_a_module_that_lies(self) -> None:
        """A second copy of a module is guarded, whatever it says that it is."""
        if not LINUX:
            self.skipTest("/proc")
        before = """
        import _imp, os, tempfile
        link = os.path.join(tempfile.mkdtemp(), "harmless")
        os.symlink("/proc/self/environ", link)

        class Spec:
            name = "_io"

        class Lie:
            name = "nothing"
        """
        code = """
        copy = _imp.create_builtin(Spec())
        copy.__spec__ = Lie()
        _imp.exec_builtin(copy)
        copy.FileIO(link).read()
        """
        self.denied("environment-read", code, before, no_environment=True)

    def test_functions_keep_their_hash(self) -> None:
        before = "import os, types; kept = {os.open, os.stat, compile}; number = hash(os.stat)"
        code = """
        for function in (os.open, os.stat, compile):
            if function not in kept:
                raise LookupError(function)
        if number != hash(os.stat) or number != os.stat.__hash__() or os.open not in os.supports_dir_fd:
            raise LookupError("hash")
        later = {os.stat, compile, len}
        scope.close()
        if not {os.stat, compile, len} <= later or number != hash(os.stat):
            raise LookupError("hash")
        """
        self.done(code, before, fs_root="/", no_environment=True, no_code_exec=True)
