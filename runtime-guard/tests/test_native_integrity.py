"""Imports, native code, the interpreter and the guard itself, guarded by `hermetic._native`."""

from __future__ import annotations

import sqlite3
import sys
import unittest

from native_case import LINUX, Case


class Imports(Case):
    def test_named(self) -> None:
        for code in (
            "import json",
            "import json.decoder",
            "__import__('json')",
            "importlib.import_module('json')",
            "importlib.reload(importlib) and importlib.import_module('json')",
            "importlib.util.module_from_spec(importlib.util.find_spec('json'))",
        ):
            for before in ("import importlib.util", "import importlib.util, json"):
                self.denied("denied-import", code, before, deny_import=["json"])
        self.denied(
            "denied-import", "from urllib import request", "import urllib.request", deny_import=["urllib.request"]
        )
        self.done("import urllib.parse", deny_import=["urllib.request"])
        self.done(
            "scope.close(); import json; from urllib import request",
            "import json, urllib.request",
            deny_import=["json", "urllib.request"],
        )

    def test_without_the_import_system(self) -> None:
        self.denied("denied-import", "_imp.init_frozen('__hello__')", "import _imp", deny_import=["__hello__"])
        self.denied(
            "denied-import", "importlib.reload(colorsys)", "import importlib, colorsys", deny_import=["colorsys"]
        )
        self.denied("native-bridge", "import jpype", block_native=True)
        self.raised("ModuleNotFoundError", "import jpype", block_native=True, allow_native=["jpype"])

    def test_of_capabilities(self) -> None:
        self.denied("deserialisation-import", "import pickle", no_code_exec=True)
        self.denied("deserialisation-import", "import pickle", "import pickle", no_code_exec=True)
        self.denied("deserialisation-import", "import shelve", no_code_exec=True)
        self.denied("subprocess-import", "import sh", no_subprocess=True)
        self.denied("native-ffi", "import ctypes", block_native=True)
        self.denied("native-ffi", "import ctypes", "import ctypes", block_native=True)
        self.done("import _decimal, _json, zoneinfo, sqlite3, ssl", block_native=True)

    def test_a_copy_of_an_extension(self) -> None:
        before = """
        import importlib.machinery, importlib.util, shutil, sys, tempfile
        found = importlib.util.find_spec("{name}")
        origin = found.origin
        if origin in (None, "built-in"):
            raise SystemExit
        copy = shutil.copy(origin, tempfile.mkdtemp())
        loader = importlib.machinery.ExtensionFileLoader("{name}", copy)
        spec = importlib.util.spec_from_file_location("{name}", copy, loader=loader)
        sys.modules.pop("{name}", None)
        """
        code = "importlib.util.module_from_spec(spec)"
        import importlib.util

        found = importlib.util.find_spec("_lsprof")
        if found is None or found.origin in (None, "built-in"):
            self.skipTest("_lsprof is built in")
        self.denied("native-import", code, before.format(name="_lsprof"), block_native=True)
        self.done(code, before.format(name="_lsprof"), no_network=True)


class Native(Case):
    def test_pointers_from_before(self) -> None:
        before = "import ctypes; getpid = ctypes.CDLL(None).getpid; kept = getpid.__call__"
        self.denied("native-ffi", "getpid()", before, block_native=True)
        self.denied("native-ffi", "kept()", before, block_native=True)
        self.denied("native-ffi", "ctypes.CDLL(None)", before, block_native=True)
        self.done("getpid()", before, no_network=True)

    @unittest.skipUnless(hasattr(sqlite3.Connection, "enable_load_extension"), "built without it")
    def test_sqlite(self) -> None:
        self.denied(
            "native-load",
            "sqlite3.connect(':memory:').enable_load_extension(True)",
            "import sqlite3",
            block_native=True,
        )


class Interpreter(Case):
    def test_the_import_path(self) -> None:
        for code in (
            "sys.path.append('x')",
            "sys.path[:0] = ['x']",
            "sys.path += ['x']",
            "sys.meta_path.insert(0, None)",
            "sys.path_hooks.clear()",
            "sys.path_importer_cache.pop('x', None)",
            "site.addsitedir('/nonexistent')",
        ):
            self.denied("import-path-write", code, "import sys, site", no_interpreter_mutation=True)
        self.denied(
            "import-path-write", "list.append(sys.path, 'x'); import wave", "import sys", no_interpreter_mutation=True
        )
        self.done(
            "list(sys.path).append('x'); import json.tool, xml.dom.minidom, pkgutil\nlist(pkgutil.iter_modules())",
            "import sys",
            no_interpreter_mutation=True,
        )
        self.done(
            "scope.close(); assert sys.path is kept and type(sys.path) is list; sys.path.append('x')",
            "import sys; kept = sys.path",
            no_interpreter_mutation=True,
        )

    def test_state(self) -> None:
        for rule, code in (
            ("working-directory", "os.chdir('/')"),
            ("process-state", "os.umask(0o22)"),
            ("process-state", "os.nice(0)"),
            ("interpreter-setting", "sys.setrecursionlimit(1000)"),
            ("interpreter-hook", "sys.settrace(None)"),
            ("interpreter-hook", "sys.addaudithook(print)"),
        ):
            self.denied(rule, code, "import os, sys", no_interpreter_mutation=True)


class Integrity(Case):
    def test_the_heap(self) -> None:
        for code in ("gc.get_objects()", "gc.get_referrers(gc)", "gc.get_referents([])"):
            self.denied("introspection", code, "import gc", no_environment=True)
            # `scope` can close the policy.
            self.denied("introspection", code, "import gc", no_network=True)
            self.done(f"_native.seal(); {code}", "import gc; from hermetic import _native", no_network=True)

    def test_functions_of_the_guard(self) -> None:
        self.denied(
            "code-object",
            "f.__code__ = old",
            "import os; f = os._Environ.__getitem__; old = f.__code__",
            no_environment=True,
        )
        self.denied(
            "code-object",
            "f.__code__ = old",
            "from importlib._bootstrap import _find_and_load as f; old = f.__code__",
            deny_import=["json"],
        )

    def test_scopes(self) -> None:
        self.raised("AttributeError", "scope.id = 1", no_network=True)
        self.raised("TypeError", "type(scope)()", no_network=True)
        self.raised("TypeError", "class Sub(type(scope)): pass", no_network=True)

    def test_any_order_and_sealing(self) -> None:
        self.done(
            """
            other = _native.open_scope({"no_subprocess": True})
            assert scope.close() and not scope.close()
            try:
                os.system("true")
            except RuntimeError:
                pass
            else:
                raise SystemExit("ran")
            assert other.close()
            os.system("true")
            sealed = _native.open_scope({"no_subprocess": True}, sealed=True)
            assert sealed.close() is False
            try:
                os.system("true")
            except RuntimeError:
                pass
            else:
                raise SystemExit("ran")
            assert _native.status()["sealed"] is True
            """,
            "import os\nfrom hermetic import _native",
            no_network=True,
        )

    def test_threads_and_the_end(self) -> None:
        self.done(
            """
            event.set()
            thread.join()
            assert isinstance(caught[0], RuntimeError), caught
            """,
            """
            import os, threading
            event, caught = threading.Event(), []
            def run():
                event.wait()
                try:
                    os.system("true")
                except BaseException as error:
                    caught.append(error)
            thread = threading.Thread(target=run)
            thread.start()
            """,
            no_subprocess=True,
        )

    def test_sub_interpreters(self) -> None:
        before = """
        try:
            import _interpreters as sub
            legacy = ("legacy",)
        except ImportError:
            import _xxsubinterpreters as sub
            legacy = ()
        """
        self.denied("subinterpreter", "sub.create()", before, no_code_exec=True)
        code = """
        text = '''if True:
            import os
            try:
                os.system("true")
            except RuntimeError as error:
                os.write(w, b"denied")
            else:
                os.write(w, b"ran")
        '''
        import os
        for made in {made}:
            r, w = os.pipe()
            one = sub.create(*made)
            run = getattr(sub, "run_string")
            run(one, "w = %d" % w)
            run(one, text)
            assert os.read(r, 10) == b"denied", made
        """
        made = "[(), legacy]" if sys.version_info >= (3, 13) else "[()]"
        self.done(code.format(made=made), before, no_subprocess=True)


class Options(Case):
    def test_bad_ones(self) -> None:
        for name, code in (
            ("TypeError", "_native.open_scope({'no_netwrok': True})"),
            ("TypeError", "_native.open_scope({'no_network': 1})"),
            ("TypeError", "_native.open_scope({'allow_domain': 'x'})"),
            ("ValueError: --profile", "_native.open_scope({'profile': ['x']})"),
            ("ValueError: --allow-domain", "_native.open_scope({'allow_domain': ['https://x/']})"),
            ("ValueError: --allow-native", "_native.open_scope({'allow_native': ['a-b']})"),
            ("ValueError: --fs-readonly", "_native.open_scope({'fs_root': '/nonexistent'})"),
            ("ValueError", "_native.read_config('no-netwrok = true', 'hermetic')"),
        ):
            self.raised(name, code, "from hermetic import _native")

    def test_configuration(self) -> None:
        self.done(
            """
            options = _native.read_config("no-network = true\\nallow-native = ['numpy']", "hermetic")
            assert options["no_network"] is True and options["allow_native"] == ["numpy"]
            assert _native.read_config("", "pyproject") is None
            try:
                _native.read_config("\\nx = 1", "hermetic")
            except ValueError as error:
                assert (error.row, error.column) == (2, 1)
            else:
                raise SystemExit("read")
            assert _native.profiles()["block-all"]["no_network"] is True
            status = _native.status()
            assert status["active"] and status["enforced"] == ["network", "integrity"], status
            """,
            "from hermetic import _native",
            no_network=True,
        )

    @unittest.skipUnless(LINUX, "the interpreters' modules of CPython on Linux")
    def test_less_than_asked(self) -> None:
        """Another interpreter has an environment of its own, which the guard cannot empty."""
        before = """
        import sys
        from hermetic import _native
        from hermetic.errors import BootstrapError
        import importlib
        name = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
        interpreters = importlib.import_module(name)
        other = interpreters.create()
        """
        self.done(
            """
            def refused():
                try:
                    _native.open_scope({"no_environment": True})
                except BootstrapError as error:
                    return str(error)
                raise SystemExit("opened")
            scope.close()
            assert "interpreter" in refused()
            assert not _native.status()["active"]
            content = _native.open_scope({"no_environment": True}, best_effort=True)
            missing = _native.status()["not_enforced"]
            assert any("interpreter" in str(entry) for entry in missing), missing
            # One that wants all of it is refused beside one that is content with less.
            refused()
            assert _native.status()["enforced"] == ["environment", "integrity"]
            content.close()
            refused()
            interpreters.destroy(other)
            _native.open_scope({"no_environment": True}).close()
            """,
            before,
            no_network=True,
        )


if __name__ == "__main__":
    unittest.main()
