"""What a program reaches, denied by `hermetic._native` on the interpreter that runs this file."""

from __future__ import annotations

import os
import sys
import unittest

from native_case import LINUX, Case

ROOT = "/tmp/hermetic-root"


class Network(Case):
    def test_connections(self) -> None:
        connect = "socket.socket().connect(('127.0.0.1', 9))"
        self.denied("network-connect", connect, "import socket", no_network=True)
        self.denied(
            "network-connect",
            "keep(('127.0.0.1', 9))",
            "import _socket; keep = _socket.socket().connect",
            no_network=True,
        )
        self.raised("ConnectionRefused", connect, "import socket", no_network=True, allow_localhost=True)
        self.denied(
            "network-send",
            "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', 0, ('127.0.0.1', 9))",
            "import socket",
            no_network=True,
        )
        self.done(
            "assert socket.socket().connect_ex(('127.0.0.1', 9)) == 13\n"
            "assert _native.violations()[-1]['rule'] == 'network-connect'",
            "import socket\nfrom hermetic import _native",
            no_network=True,
        )

    def test_look_ups(self) -> None:
        for call in (
            "getaddrinfo('example.invalid', 80)",
            "gethostbyname('example.invalid')",
            "gethostbyname_ex('example.invalid')",
        ):
            self.denied("network-resolve", f"socket.{call}", "import socket", no_network=True)

    def test_names_reach_addresses(self) -> None:
        server = """
        import socket
        server = socket.create_server(("127.0.0.1", 0))
        port = server.getsockname()[1]
        """
        self.done("socket.create_connection(('localhost', port))", server, no_network=True, allow_domain=["localhost"])
        self.denied(
            "network-connect",
            "socket.socket().connect(('127.0.0.1', port))",
            server,
            no_network=True,
            allow_domain=["localhost"],
        )
        self.done("socket.socket().connect(('127.0.0.1', port))", server, no_network=True, allow_domain=["127.0.0.0/8"])

    def test_unix_sockets(self) -> None:
        code = "socket.socket(socket.AF_UNIX).connect('/nonexistent/s')"
        self.denied("network-connect", code, "import socket", no_network=True)
        self.raised("FileNotFoundError", code, "import socket", no_network=True, allow_domain=["unix:/nonexistent/s"])
        self.done(
            "a, b = socket.socketpair(); a.send(b'x'); assert b.recv(1) == b'x'", "import socket", no_network=True
        )
        self.done("asyncio.run(asyncio.sleep(0))", "import asyncio", no_network=True)

    def test_listening(self) -> None:
        self.done("s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()", "import socket", no_network=True)
        self.denied("network-listen", "socket.socket().listen()", "import socket", no_network=True)
        for host in ("0.0.0.0", ""):
            self.denied("network-listen", f"socket.socket().bind(({host!r}, 0))", "import socket", no_network=True)
        self.denied(
            "network-socketpair",
            "socket.fromfd(0, socket.AF_INET, socket.SOCK_STREAM)",
            "import socket",
            no_network=True,
        )


class Processes(Case):
    def test_every_way(self) -> None:
        for rule, code in (
            ("shell-command", "os.system('true')"),
            ("process-spawn", "os.posix_spawn('/bin/true', ['true'], {})"),
            ("process-fork", "os.fork()"),
            ("process-exec", "os.execv('/bin/true', ['true'])"),
            ("process-signal", "os.kill(os.getpid(), 0)"),
            ("subprocess-run", "subprocess.run(['true'])"),
        ):
            self.denied(rule, code, "import os, subprocess", no_subprocess=True)

    @unittest.skipUnless(LINUX, "the calling convention of Linux")
    def test_the_function_below(self) -> None:
        self.denied(
            "process-spawn",
            "fork_exec()",
            "from _posixsubprocess import fork_exec",
            no_subprocess=True,
        )


class Files(Case):
    def test_writing(self) -> None:
        for code in (
            "open('x', 'w')",
            "keep('x', 'ab')",
            "io.FileIO('x', 'w')",
            "os.open('x', os.O_CREAT)",
            "pathlib.Path('x').write_text('')",
        ):
            self.denied("file-write", code, "import os, io, pathlib; keep = io.open", fs_readonly=True)
        self.denied("file-create", "os.mkfifo('x')", "import os", fs_readonly=True)
        self.denied("file-remove", "os.remove('x')", "import os", fs_readonly=True)
        self.done("open(os.devnull).close(); os.close(os.open(os.devnull, os.O_RDONLY))", "import os", fs_readonly=True)
        self.done("r, w = os.pipe(); open(w, 'w').close()", "import os", fs_readonly=True)

    def test_imports_go_on(self) -> None:
        self.done(
            "import sys; assert sys.dont_write_bytecode; import wave, xml.dom.minidom",
            fs_readonly=True,
        )
        with self.subTest("without a word"):
            self.done(
                "import module_of_its_own",
                """
                import os, sys, tempfile
                folder = tempfile.mkdtemp()
                sys.path.insert(0, folder)
                open(os.path.join(folder, "module_of_its_own.py"), "w").close()
                sys.dont_write_bytecode = False
                """,
                fs_readonly=True,
            )

    def test_a_root(self) -> None:
        usr = {"fs_root": "/usr"}
        before = "import os, io, pathlib"
        self.denied("file-read", "open('/etc/hosts')", before, **usr)
        self.denied("file-read", "io.FileIO(pathlib.Path('/etc/hosts'))", before, **usr)
        self.denied("file-read", "os.open('../etc/hosts', 0, dir_fd=os.open('/usr', 0))", before, **usr)
        self.denied("file-read", "os.stat('/etc/hosts')", before, **usr)
        self.denied("file-read", "os.path.exists('/etc/hosts')", before, **usr)
        self.denied("file-read", "os.access('/etc/hosts', 0)", before, **usr)
        self.denied("file-read", "os.readlink('/proc/self')", before, **usr)
        self.denied("directory-list", "os.listdir('/etc')", before, **usr)
        self.done("open('/usr/bin/env', 'rb').close(); os.listdir('/usr'); os.stat('/usr/bin')", before, **usr)
        self.done("os.path.realpath('/usr/bin/env')", before, **usr)
        self.raised("FileNotFoundError", "open('/usr/missing')", before, **usr)
        self.done("import xml.dom.minidom, csv", before, **usr)

    def test_what_leads_to_the_root_is_looked_at(self) -> None:
        folder = os.path.realpath(os.path.dirname(__file__))
        root = {"fs_root": folder}
        self.done("os.path.realpath('x'); os.lstat('..')", f"import os; os.chdir({folder!r})", **root)
        self.denied("directory-list", "os.listdir('..')", f"import os; os.chdir({folder!r})", **root)
        self.denied("file-read", "os.stat('../pyproject.toml')", f"import os; os.chdir({folder!r})", **root)

    def test_packages_look_for_their_own_files(self) -> None:
        root = {"fs_root": os.path.realpath(os.path.dirname(__file__))}
        self.done("os.path.realpath(os.__file__); os.stat(os.__file__)", "import os", **root)
        self.denied("file-read", "open(os.__file__)", "import os", **root)
        self.done("pkgutil.extend_path([], 'backports')", "import pkgutil", **root)
        self.done("import sysconfig; sysconfig.get_paths()", **root)
        # Its denials are not the program's.
        self.done(
            "list(importlib.metadata.distributions()); assert not _native.violations()",
            "import importlib.metadata; from hermetic import _native",
            **root,
        )

    def test_the_standard_library_does_without_files_of_the_system(self) -> None:
        root = {"fs_root": os.path.realpath(os.path.dirname(__file__))}
        self.done("import mimetypes; assert mimetypes.guess_type('x.html')[0] == 'text/html'", **root)
        self.done(
            "argparse.ArgumentParser().format_help()",
            "import os, argparse; os.environ['LANGUAGE'] = 'de'",
            **root,
        )
        self.denied("file-read", "os.path.isfile('/etc/mime.types')", "import os", **root)
        # Who claims to be `mimetypes` is not believed.
        self.denied(
            "file-read",
            "forged['init']()",
            """
            import mimetypes, os
            forged = {"os": os}
            text = "def init(files=None):\\n    return os.path.isfile('/etc/mime.types')\\n"
            exec(compile(text, mimetypes.__file__, "exec"), forged)
            """,
            **root,
        )

    @unittest.skipUnless(LINUX, "the null device of Linux")
    def test_the_null_device(self) -> None:
        code = "open('/dev/null', 'w').write('x'); assert open('/dev/null').read() == ''"
        for options in ({"fs_readonly": True}, {"fs_root": ROOT}):
            self.done(code, **options)
            self.done("os.close(os.open(os.devnull, os.O_RDWR))", "import os", **options)
        self.done("subprocess.run('/bin/true', stdout=subprocess.DEVNULL)", "import subprocess", fs_readonly=True)
        self.denied("file-write", "open('/dev/full', 'w')", fs_readonly=True)
        self.denied("file-read", "open('/dev/zero')", fs_root=ROOT)

    def test_a_link_out_of_the_root(self) -> None:
        self.denied(
            "file-read",
            "open(link)",
            """
            import os, tempfile
            root = "/tmp/hermetic-root"
            os.makedirs(root, exist_ok=True)
            link = os.path.join(root, "link")
            if not os.path.islink(link):
                os.symlink("/etc/hosts", link)
            """,
            fs_root=ROOT,
        )

    @unittest.skipUnless(LINUX, "/proc is Linux's")
    def test_the_environment_as_a_file(self) -> None:
        self.denied("environment-read", "open('/proc/self/environ')", no_environment=True)
        self.denied(
            "environment-read",
            "os.open('link', 0)",
            "import os, tempfile; os.chdir(tempfile.mkdtemp()); os.symlink('/proc/self/environ', 'link')",
            no_environment=True,
        )
        self.denied("native-ffi", "open('/proc/self/mem', 'r+b', 0)", block_native=True)

    @unittest.skipUnless(LINUX, "functions of Linux")
    def test_descriptors_from_before(self) -> None:
        before = """
        import os, socket, tempfile
        file, name = tempfile.mkstemp()
        source = os.open("/etc/passwd", os.O_RDONLY)
        reader, writer = os.pipe()
        """
        for code in (
            "os.ftruncate(file, 0)",
            "os.truncate(file, 0)",
            "os.posix_fallocate(file, 0, 10)",
            "os.sendfile(file, source, 0, 1)",
        ):
            self.denied("file-write", code, before, fs_readonly=True)
        self.done("os.sendfile(writer, source, 0, 1); os.ftruncate(os.memfd_create('x'), 10)", before, fs_readonly=True)

    def test_a_unix_socket_is_a_file(self) -> None:
        self.denied("file-create", "socket.socket(socket.AF_UNIX).bind('x')", "import socket", fs_readonly=True)

    def test_path_objects(self) -> None:
        self.done(
            "os.stat(Path('/usr/bin')); sorted(Path('/usr').glob('*.conf'))",
            "import os; from pathlib import Path",
            fs_root="/usr",
        )
        self.denied("file-read", "os.stat(Path('/etc'))", "import os; from pathlib import Path", fs_root="/usr")


class Environment(Case):
    def test_every_face(self) -> None:
        for code in (
            "E['HOME']",
            "E.get('HOME')",
            "os.getenv('HOME')",
            "len(E)",
            "list(E)",
            "'HOME' in E",
            "E.copy()",
            "repr(E)",
            "dict(E)",
            "keep('HOME')",
            "os.path.expandvars('$HOME')",
            "B[b'HOME']",
            "E | {}" if sys.version_info >= (3, 9) else "dict(E)",
        ):
            self.denied(
                "environment-read",
                code,
                "import os; E = os.environ; B = os.environb; keep = os.environ.__getitem__",
                no_environment=True,
            )
        self.denied("environment-write", "E['X'] = 'y'", "import os; E = os.environ", no_environment=True)
        self.denied("environment-write", "os.unsetenv('X')", "import os", no_environment=True)
        self.done("assert not os.environ._data and not posix.environ", "import os, posix", no_environment=True)

    @unittest.skipIf(sys.version_info < (3, 14), "3.14 has it")
    def test_reload(self) -> None:
        self.denied("environment-read", "os.reload_environ()", "import os", no_environment=True)
        self.denied("environment-read", "posix._create_environ()", "import posix", no_environment=True)

    def test_children_keep_it(self) -> None:
        self.done(
            "assert subprocess.run(['sh', '-c', 'echo $X'], capture_output=True).stdout == b'y\\n'\n"
            "run = subprocess.run('/bin/echo $X', shell=True, close_fds=False, capture_output=True)\n"
            "assert run.stdout == b'y\\n'\n"
            "os.waitpid(os.posix_spawn('/bin/sh', ['sh', '-c', 'test \"$X\" = y || kill $PPID'], os.environ), 0)",
            "import os, subprocess; os.environ['X'] = 'y'",
            no_environment=True,
        )

    def test_it_comes_back(self) -> None:
        self.done(
            "try: os.environ['X']\n"
            "except RuntimeError: pass\n"
            "else: raise SystemExit('read')\n"
            "scope.close()\n"
            "assert os.environ['X'] == 'y' and len(os.environ) > 1\n"
            "assert os._Environ.__getitem__.__code__ is code_before",
            "import os; os.environ['X'] = 'y'; os.environ['Y'] = ''; code_before = os._Environ.__getitem__.__code__",
            no_environment=True,
        )


class Code(Case):
    def test_from_data(self) -> None:
        for code in ("eval('1')", "exec('1')", "compile('1', 'x', 'eval')", "keep('1')", "exec(kept)"):
            self.denied("dynamic-eval", code, "keep = eval; kept = compile('1', 'x', 'exec')", no_code_exec=True)
        self.denied(
            "dynamic-eval",
            "_bootstrap._call_with_frames_removed(exec, kept, {})",
            "from importlib import _bootstrap; kept = compile('1', 'x', 'exec')",
            no_code_exec=True,
        )
        self.denied(
            "dynamic-eval",
            "Loader('evil', os.__file__).source_to_code(b'1', os.__file__)",
            "import os; from importlib.machinery import SourceFileLoader as Loader",
            no_code_exec=True,
        )
        self.denied(
            "dynamic-eval",
            "_thread.start_new_thread and timeit.timeit('1', number=1)",
            "import _thread, timeit",
            no_code_exec=True,
        )
        self.denied(
            "dynamic-eval",
            "runpy.run_path(path)",
            "import runpy, colorsys; path = colorsys.__file__",
            no_code_exec=True,
        )
        self.denied("unsafe-marshal", "marshal.loads(b'N')", "import marshal", no_code_exec=True)
        self.denied(
            "unsafe-pickle", "pickle.loads(data)", "import pickle; data = pickle.dumps(print)", no_code_exec=True
        )
        self.denied(
            "unsafe-marshal",
            "_bootstrap_external._compile_bytecode(b'N')",
            "from importlib import _bootstrap_external",
            no_code_exec=True,
        )
        self.denied("code-object", "one.__code__.replace(co_name='two')", "def one(): pass", no_code_exec=True)

    def test_of_the_library(self) -> None:
        self.done(
            """
            import ast, collections, dataclasses, enum, typing, types, unittest.mock

            @dataclasses.dataclass(frozen=True, order=True)
            class Point:
                x: int = 1
                y: list = dataclasses.field(default_factory=list)
                z: dataclasses.InitVar[int] = 0
                def __post_init__(self, z): pass

            assert Point() < Point(2)
            dataclasses.make_dataclass("Made", ["x", ("y", int)])
            collections.namedtuple("Pair", "x y", defaults=[1])
            class Row(typing.NamedTuple):
                a: int
            class Colour(enum.Flag):
                RED = 1
            def f(x: "typing.Optional[int]"): pass
            typing.get_type_hints(f)
            assert ast.literal_eval("[1]") == [1]
            ast.parse("x = 1")
            unittest.mock.create_autospec(f)
            types.coroutine(lambda: (yield))
            import colorsys, json.tool, xml.dom.minidom, zipimport, importlib.util, email.mime.text
            """,
            no_code_exec=True,
        )

    def test_archives(self) -> None:
        self.done(
            "import within",
            """
            import sys, tempfile, zipfile
            path = tempfile.mkdtemp() + "/archive.zip"
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("within.py", "x = 1")
            sys.path.insert(0, path)
            """,
            no_code_exec=True,
        )

    def test_an_encoding_of_ones_own(self) -> None:
        before = """
        import codecs, sys, tempfile
        folder = tempfile.mkdtemp()
        with open(folder + "/harmless.py", "w") as file:
            file.write("# coding: of_ones_own\\nx = 1\\n")
        sys.path.insert(0, folder)
        sys.dont_write_bytecode = True
        utf8 = codecs.lookup("utf-8")
        codecs.register(lambda name: utf8 if name == "of_ones_own" else None)
        """
        self.done("import harmless", before, no_network=True)
        self.denied("dynamic-eval", "import harmless", before, no_code_exec=True)

    def test_smuggled(self) -> None:
        self.denied(
            "dynamic-eval",
            "dataclasses.dataclass(evil)",
            "import dataclasses; evil = type('C', (), {'__annotations__': {'x=print(1)': int}})",
            no_code_exec=True,
        )
        self.denied(
            "dynamic-eval",
            "typing.get_type_hints(f)",
            "import typing\ndef f(x: \"print('x')\"): pass",
            no_code_exec=True,
        )


if __name__ == "__main__":
    unittest.main()
