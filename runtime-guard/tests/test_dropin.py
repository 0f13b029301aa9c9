"""What programs written for hermetic-seal 1.0 rely on.

Everything here also holds for hermetic-seal itself: `python test_dropin.py` in an environment that has it instead of
hermetic-guard runs the same tests against it, but for those marked with a reason why ours differs.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import inspect
import io
import os
import sys
import unittest
from importlib import metadata
from typing import Any, Callable

try:
    metadata.version("hermetic-seal")
    IS_PEER = True
except metadata.PackageNotFoundError:
    IS_PEER = False
    import support

import hermetic
from hermetic import blocker, errors, guards, profiles
from hermetic.blocker import BlockConfig, hermetic_blocker, with_hermetic
from hermetic.errors import BootstrapError, HermeticError, PolicyViolation
from hermetic.profiles import PROFILES, GuardConfig, apply_profile

SWITCHES = (
    "block_network",
    "block_subprocess",
    "fs_readonly",
    "block_environment",
    "block_code_exec",
    "block_interpreter_mutation",
    "block_native",
    "allow_localhost",
    "trace",
    "sealed",
)
ORDER = (
    "block_network",
    "block_subprocess",
    "fs_readonly",
    "fs_root",
    "block_environment",
    "block_code_exec",
    "block_interpreter_mutation",
    "block_native",
    "allow_localhost",
    "allow_domains",
    "deny_imports",
    "trace",
    "sealed",
)
GUARD_ORDER = tuple(name.replace("block_", "no_") if name != "block_native" else name for name in ORDER)


def ours(reason: str) -> Callable[[Any], Any]:
    """A test of where ours differs on purpose."""
    return unittest.skipIf(IS_PEER, f"hermetic-seal differs: {reason}")


def spawn() -> int:
    """An act that is denied where processes are, and harmless where it is not."""
    return os.system("true")


class Surface(unittest.TestCase):
    def test_names(self) -> None:
        self.assertLessEqual({"__version__", "hermetic_blocker", "with_hermetic"}, set(hermetic.__all__))
        self.assertIs(hermetic.hermetic_blocker, hermetic_blocker)
        self.assertIs(hermetic.with_hermetic, with_hermetic)
        for name, module in [("blocker", blocker), ("errors", errors), ("guards", guards), ("profiles", profiles)]:
            self.assertIs(getattr(hermetic, name), module)
        for name in (
            "network",
            "subprocess_guard",
            "filesystem",
            "environment",
            "code_exec",
            "interpreter",
            "imports_guard",
        ):
            self.assertTrue(callable(getattr(guards, name).install))
            self.assertEqual(str(inspect.signature(getattr(guards, name).uninstall)).partition(" ")[0], "()")

    def parameters(self, function: Callable[..., Any]) -> dict[str, tuple[Any, Any]]:
        return {name: (p.kind, p.default) for name, p in inspect.signature(function).parameters.items()}

    def test_signatures_of_the_records(self) -> None:
        for record, order in ((BlockConfig, ORDER), (GuardConfig, GUARD_ORDER)):
            given = self.parameters(record)
            self.assertEqual(tuple(given)[: len(order)], order)
            for kind, _default in given.values():
                self.assertEqual(kind, inspect.Parameter.POSITIONAL_OR_KEYWORD)
            made = record()
            for name in order:
                expected: object = (
                    [] if name in ("allow_domains", "deny_imports") else None if name == "fs_root" else False
                )
                self.assertEqual(getattr(made, name), expected, name)
                self.assertIs(type(getattr(made, name)), type(expected))

    def test_signature_of_the_blocker(self) -> None:
        given = self.parameters(hermetic_blocker)
        first = given.pop(next(iter(given)))
        self.assertEqual(first, (inspect.Parameter.POSITIONAL_OR_KEYWORD, None))
        for name in (*ORDER, "profile"):
            kind, default = given[name]
            self.assertEqual(kind, inspect.Parameter.KEYWORD_ONLY)
            expected = () if name in ("allow_domains", "deny_imports") else None
            self.assertEqual(default, False if name in SWITCHES else expected, name)

    def test_signatures_of_the_guards(self) -> None:
        empty = inspect.Parameter.empty
        for name, expected in [
            ("network", {"allow_localhost": empty, "allow_domains": empty, "trace": False}),
            ("subprocess_guard", {"trace": False}),
            ("filesystem", {"fs_root": None, "trace": False}),
            ("environment", {"trace": False}),
            ("code_exec", {"trace": False}),
            ("interpreter", {"trace": False}),
            (
                "imports_guard",
                {
                    "block_native": True,
                    "trace": False,
                    "block_subprocess_libs": False,
                    "block_pickle": False,
                    "deny_imports": (),
                },
            ),
        ]:
            given = self.parameters(getattr(guards, name).install)
            self.assertEqual({name: default for name, (_, default) in given.items()}, expected)
            self.assertEqual({kind for kind, _ in given.values()}, {inspect.Parameter.KEYWORD_ONLY})

    def test_errors(self) -> None:
        self.assertTrue(issubclass(HermeticError, RuntimeError))
        self.assertTrue(issubclass(PolicyViolation, HermeticError))
        self.assertTrue(issubclass(BootstrapError, HermeticError))
        error = PolicyViolation("text", guard="network", target="host")
        self.assertEqual((str(error), error.args, error.guard, error.target), ("text", ("text",), "network", "host"))
        self.assertEqual((PolicyViolation("text").guard, PolicyViolation("text").target), (None, None))
        with self.assertRaises(TypeError):
            PolicyViolation()  # type: ignore[call-arg]
        with self.assertRaises(TypeError):
            PolicyViolation("text", "network")  # type: ignore[call-arg]


class Records(unittest.TestCase):
    def test_from_kwargs_and_its_aliases(self) -> None:
        for alias, name in [
            ("no_network", "block_network"),
            ("no_subprocess", "block_subprocess"),
            ("no_environment", "block_environment"),
            ("no_env", "block_environment"),
            ("no_code_exec", "block_code_exec"),
            ("no_interpreter_mutation", "block_interpreter_mutation"),
        ]:
            self.assertEqual(BlockConfig.from_kwargs(**{alias: True}), BlockConfig(**{name: True}))  # type: ignore[arg-type]
        self.assertTrue(BlockConfig.from_kwargs(block_network=False, no_network=True).block_network)
        self.assertEqual(BlockConfig.from_kwargs(fs_root="/x", deny_imports=["a"]).deny_imports, ["a"])
        for key in ("bogus", "profile", "allow_domain"):
            with self.assertRaisesRegex(TypeError, f"(?i)unknown argument: {key}"):
                BlockConfig.from_kwargs(**{key: True})

    @ours("the last spelling wins, so that one of two can turn a guard off")
    def test_either_spelling_turns_it_on(self) -> None:
        self.assertTrue(BlockConfig.from_kwargs(block_network=True, no_network=False).block_network)

    def test_union(self) -> None:
        first = BlockConfig(block_network=True, allow_domains=["a", "b"], fs_root="/a", deny_imports=["z", "z"])
        second = BlockConfig(allow_domains=["b", "c"], fs_root="/b", trace=True, sealed=True)
        for both in (first.merged_with(second), first | second):
            self.assertEqual(
                both,
                BlockConfig(
                    block_network=True,
                    allow_domains=["a", "b", "c"],
                    fs_root="/b",
                    deny_imports=["z"],
                    trace=True,
                    sealed=True,
                ),
            )
        self.assertEqual((first | BlockConfig()).fs_root, "/a")
        self.assertEqual((first.allow_domains, second.allow_domains), (["a", "b"], ["b", "c"]))
        for other in (3, None):
            with self.assertRaises((TypeError, AttributeError)):
                first | other  # type: ignore[operator]
            with self.assertRaises((TypeError, AttributeError)):
                first.merged_with(other)  # type: ignore[arg-type]

    def test_equality_and_representation(self) -> None:
        self.assertEqual(BlockConfig(True), BlockConfig(block_network=True))
        self.assertNotEqual(BlockConfig(True), BlockConfig())
        self.assertNotEqual(BlockConfig(), GuardConfig())
        with self.assertRaises(TypeError):
            hash(BlockConfig())
        self.assertTrue(repr(BlockConfig(True)).startswith("BlockConfig(block_network=True, block_subprocess=False, "))
        self.assertEqual(eval(repr(BlockConfig(fs_root="/a"))), BlockConfig(fs_root="/a"))

    def test_dataclass_functions(self) -> None:
        import copy
        import dataclasses
        import pickle

        config = BlockConfig(block_network=True, allow_domains=["a"])
        self.assertTrue(dataclasses.is_dataclass(config) and dataclasses.is_dataclass(GuardConfig))
        self.assertEqual(tuple(field.name for field in dataclasses.fields(BlockConfig))[:13], ORDER)
        self.assertEqual(tuple(field.name for field in dataclasses.fields(GuardConfig()))[:13], GUARD_ORDER)
        self.assertEqual(dataclasses.asdict(config)["allow_domains"], ["a"])
        changed = dataclasses.replace(config, trace=True)
        self.assertEqual(changed, BlockConfig(block_network=True, allow_domains=["a"], trace=True))
        for same in (copy.copy(config), copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
            self.assertEqual(same, config)

    def test_profiles(self) -> None:
        self.assertEqual(set(PROFILES), {"block-all", "net-hermetic", "exec-deny", "fs-readonly", "block-native"})
        everything = GuardConfig(
            no_network=True,
            no_subprocess=True,
            fs_readonly=True,
            no_environment=True,
            no_code_exec=True,
            no_interpreter_mutation=True,
            block_native=True,
        )
        self.assertEqual(PROFILES["block-all"], everything)
        self.assertEqual(PROFILES["net-hermetic"], GuardConfig(no_network=True, allow_localhost=True))
        self.assertEqual(PROFILES["exec-deny"], GuardConfig(no_subprocess=True))
        self.assertEqual(PROFILES["fs-readonly"], GuardConfig(fs_readonly=True))
        self.assertEqual(PROFILES["block-native"], GuardConfig(block_native=True))

    def test_apply_profile(self) -> None:
        base = GuardConfig(no_subprocess=True, fs_root="/q", allow_domains=["x"])
        both = apply_profile(base, "fs-readonly")
        self.assertEqual(both, GuardConfig(no_subprocess=True, fs_readonly=True, fs_root="/q", allow_domains=["x"]))
        self.assertEqual(base, GuardConfig(no_subprocess=True, fs_root="/q", allow_domains=["x"]))
        with self.assertRaises(SystemExit) as raised:
            apply_profile(base, "nowhere")
        self.assertTrue(str(raised.exception.code).startswith("unknown profile: nowhere"))

    def test_aliases_of_guard_config(self) -> None:
        config = GuardConfig(
            no_network=True, no_subprocess=True, no_environment=True, no_code_exec=True, no_interpreter_mutation=True
        )
        for name in (
            "block_network",
            "block_subprocess",
            "block_environment",
            "block_code_exec",
            "block_interpreter_mutation",
        ):
            self.assertIs(getattr(config, name), True)
            self.assertIs(getattr(GuardConfig(), name), False)
            with self.assertRaises(AttributeError):
                setattr(config, name, False)


class Blockers(unittest.TestCase):
    def test_what_a_blocker_is_made_of(self) -> None:
        self.assertEqual(hermetic_blocker().cfg, BlockConfig())
        self.assertEqual(hermetic_blocker(BlockConfig(trace=True)).cfg, BlockConfig(trace=True))
        self.assertEqual(with_hermetic(BlockConfig(trace=True)).cfg, BlockConfig(trace=True))
        made = hermetic_blocker(block_subprocess=True, profile="net-hermetic", allow_domains=("a",)).cfg
        expected = BlockConfig(block_network=True, block_subprocess=True, allow_localhost=True, allow_domains=["a"])
        self.assertEqual(made, expected)
        made = hermetic_blocker(BlockConfig(block_subprocess=True), profile="fs-readonly").cfg
        self.assertEqual(made, BlockConfig(block_subprocess=True, fs_readonly=True))

    @ours("the keywords beside a config are dropped without a word")
    def test_keywords_beside_a_config_count(self) -> None:
        made = hermetic_blocker(BlockConfig(block_subprocess=True), block_network=True).cfg
        self.assertEqual(made, BlockConfig(block_subprocess=True, block_network=True))

    def test_what_it_refuses(self) -> None:
        for config in (5, GuardConfig(), {"block_network": True}):
            with self.assertRaises(TypeError):
                hermetic_blocker(config)  # type: ignore[arg-type]
        with self.assertRaises(ValueError):
            hermetic_blocker(profile="nowhere")
        for maker in (hermetic_blocker, with_hermetic):
            with self.assertRaises(TypeError):
                maker(no_network=True)  # type: ignore[call-arg]

    def test_as_context_manager(self) -> None:
        blocker = hermetic_blocker(block_subprocess=True)
        for _ in range(2):
            with blocker as opened:
                self.assertIs(opened, blocker)
                self.assertIs(opened.cfg.block_subprocess, True)
                with self.assertRaises(PolicyViolation):
                    spawn()
            self.assertEqual(spawn(), 0)

    def test_exceptions_pass(self) -> None:
        with self.assertRaises(ZeroDivisionError), hermetic_blocker(block_subprocess=True):
            _ = 1 / 0
        self.assertEqual(spawn(), 0)

    def test_as_async_context_manager(self) -> None:
        async def run() -> int:
            async with hermetic_blocker(block_subprocess=True) as opened:
                self.assertIs(opened.cfg.block_subprocess, True)
                with self.assertRaises(PolicyViolation):
                    spawn()
            return spawn()

        self.assertEqual(asyncio.run(run()), 0)

    def test_as_decorator(self) -> None:
        @with_hermetic(block_subprocess=True)
        def act(value: int, *, more: int = 0) -> int:
            """Documented."""
            with self.assertRaises(PolicyViolation):
                spawn()
            return value + more

        self.assertEqual(act(1, more=2), 3)
        self.assertEqual((act.__name__, act.__doc__), ("act", "Documented."))
        self.assertEqual(inspect.signature(act), inspect.signature(act.__wrapped__))  # type: ignore[attr-defined]
        self.assertEqual(spawn(), 0)

    def test_nesting_keeps_the_outer_policy(self) -> None:
        with hermetic_blocker(block_subprocess=True):
            with hermetic_blocker(block_network=True), self.assertRaises(PolicyViolation):
                spawn()
            with self.assertRaises(PolicyViolation):
                spawn()
        self.assertEqual(spawn(), 0)


class Installing(unittest.TestCase):
    def setUp(self) -> None:
        self.addCleanup(guards.uninstall_all)

    def test_one_guard(self) -> None:
        guards.subprocess_guard.install()
        with self.assertRaises(PolicyViolation):
            spawn()
        guards.subprocess_guard.uninstall()
        self.assertEqual(spawn(), 0)
        guards.subprocess_guard.uninstall()

    def test_all_guards(self) -> None:
        guards.install_all(subproc={"trace": False}, net={"allow_localhost": True, "allow_domains": []}, fs=None)
        with self.assertRaises(PolicyViolation):
            spawn()
        guards.network.uninstall()
        with self.assertRaises(PolicyViolation):
            spawn()
        guards.uninstall_all()
        self.assertEqual(spawn(), 0)
        guards.uninstall_all()
        guards.install_all()
        self.assertEqual(spawn(), 0)

    def test_wrong_keywords(self) -> None:
        with self.assertRaises(TypeError):
            guards.install_all(net={"allow_localhost": True, "allow_domains": [], "bogus": 1})
        with self.assertRaises(TypeError):
            guards.network.install()  # type: ignore[call-arg]

    @ours("an empty dict installs nothing")
    def test_an_empty_dict_is_a_guard_with_its_defaults(self) -> None:
        guards.install_all(subproc={})
        with self.assertRaises(PolicyViolation):
            spawn()

    @ours("what is misspelt is left off without a word")
    def test_a_misspelt_guard(self) -> None:
        with self.assertRaises(TypeError):
            guards.install_all(subprocess={})  # type: ignore[call-arg]

    @ours("some guards are left installed")
    def test_all_or_none(self) -> None:
        guards.environment.install()
        with self.assertRaises(TypeError):
            guards.install_all(env={}, subproc={}, imports={"bogus": 1})
        self.assertEqual(spawn(), 0)

    @ours("whoever calls it ends every policy")
    def test_uninstalling_leaves_what_it_did_not_install(self) -> None:
        with hermetic_blocker(block_subprocess=True):
            guards.uninstall_all()
            with self.assertRaises(PolicyViolation):
                spawn()


NATIVE = IS_PEER or support.REAL
needs_native = unittest.skipUnless(NATIVE, "needs the native module")


class Texts(unittest.TestCase):
    """The beginning of every text, and what `guard` says."""

    def denied(self, guard: str, text: str, act: Callable[[], object], **policy: Any) -> PolicyViolation:
        with self.assertRaises(PolicyViolation) as caught, hermetic_blocker(**policy):
            act()
        raised = caught.exception
        self.assertTrue(str(raised).startswith(text), str(raised))
        self.assertEqual(raised.guard, guard)
        return raised

    def test_subprocess(self) -> None:
        import subprocess

        for act in (spawn, lambda: subprocess.run(["true"], check=False), lambda: os.popen("true")):
            self.denied("subprocess", "subprocess disabled", act, block_subprocess=True)

    @needs_native
    def test_network(self) -> None:
        import socket

        def made(kind: int = socket.SOCK_STREAM) -> socket.socket:
            # Under the policy: hermetic-seal has no hold on one made before.
            one = socket.socket(socket.AF_INET, kind)
            self.addCleanup(one.close)
            return one

        datagram = socket.SOCK_DGRAM
        for text, act, target in [
            ("connect(192.0.2.1)", lambda: made().connect(("192.0.2.1", 9)), "192.0.2.1"),
            ("DNS(name.invalid)", lambda: socket.getaddrinfo("name.invalid", 80), "name.invalid"),
            ("DNS(name.invalid)", lambda: socket.gethostbyname("name.invalid"), "name.invalid"),
            ("DNS(name.invalid)", lambda: socket.gethostbyname_ex("name.invalid"), "name.invalid"),
            ("sendto(192.0.2.1)", lambda: made(datagram).sendto(b"", ("192.0.2.1", 9)), "192.0.2.1"),
            ("sendmsg(192.0.2.1)", lambda: made(datagram).sendmsg([b""], [], 0, ("192.0.2.1", 9)), "192.0.2.1"),
            ("bind(0.0.0.0)", lambda: made().bind(("0.0.0.0", 0)), "0.0.0.0"),
        ]:
            with self.subTest(text):
                raised = self.denied("network", f"network disabled: {text}", act, block_network=True)
                self.assertEqual(raised.target, target)
        with hermetic_blocker(block_network=True):
            self.assertEqual(made().connect_ex(("192.0.2.1", 9)), errno.EACCES)
            made().bind(("127.0.0.1", 0))

    @needs_native
    def test_filesystem(self) -> None:
        policy = {"fs_readonly": True}
        self.denied("filesystem", "filesystem readonly: /nowhere/x", lambda: open("/nowhere/x", "w"), **policy)
        for act in (lambda: os.remove("/nowhere/x"), lambda: os.mkdir("/nowhere/x")):
            self.denied("filesystem", "filesystem mutation disabled", act, **policy)
        with open(__file__, "rb") as own:
            here = own.read(10)
        with hermetic_blocker(fs_readonly=True, fs_root=os.path.dirname(os.path.abspath(__file__))):
            with open(__file__, "rb") as own:
                self.assertEqual(own.read(10), here)
        self.denied(
            "filesystem",
            "read outside sandbox root: /nowhere/x",
            lambda: open("/nowhere/x"),
            fs_readonly=True,
            fs_root=os.path.dirname(os.path.abspath(__file__)),
        )

    @needs_native
    def test_environment(self) -> None:
        for act in (lambda: os.environ["PATH"], lambda: os.getenv("PATH"), lambda: os.environ.get("PATH")):
            self.denied("environment", "environment disabled", act, block_environment=True)
        self.denied(
            "environment",
            "environment mutation disabled",
            lambda: os.environ.__setitem__("HERMETIC_TEST", "1"),
            block_environment=True,
        )
        self.assertIn("PATH", os.environ)
        self.assertNotIn("HERMETIC_TEST", os.environ)

    @needs_native
    def test_dynamic_code(self) -> None:
        code = compile("1", "<test>", "eval")
        for text, act in [
            ("eval", lambda: eval("1")),
            ("exec", lambda: exec("1")),
            ("compile", lambda: compile("1", "<test>", "eval")),
            ("eval", lambda: eval(code)),
        ]:
            with self.subTest(text):
                self.denied("code_exec", f"dynamic code execution disabled: {text}", act, block_code_exec=True)

    @needs_native
    def test_interpreter(self) -> None:
        for text, act in [
            ("sys.path", lambda: sys.path.append("/nowhere")),
            ("chdir", lambda: os.chdir(".")),
        ]:
            self.denied("interpreter", f"interpreter mutation disabled: {text}", act, block_interpreter_mutation=True)
        self.assertNotIn("/nowhere", sys.path)

    @needs_native
    def test_imports(self) -> None:
        raised = self.denied(
            "imports", "import blocked: json.tool", lambda: __import__("json.tool"), deny_imports=["json.tool"]
        )
        self.assertEqual(raised.target, "json.tool")
        self.denied("imports", "import blocked: ctypes", lambda: __import__("ctypes"), block_native=True)

    @needs_native
    def test_trace(self) -> None:
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.suppress(PolicyViolation):
            with hermetic_blocker(block_subprocess=True, trace=True):
                spawn()
        self.assertIn(said.getvalue(), ("", "[hermetic] blocked subprocess reason=no-subprocess\n"))


if __name__ == "__main__":
    unittest.main()
