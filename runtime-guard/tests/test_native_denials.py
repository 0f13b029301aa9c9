"""What is told of a denial, where the same line is denied again and again."""

from __future__ import annotations

from native_case import Case

BEFORE = """
import gc, io, socket, sys, threading, weakref
from hermetic import _native
sock = socket.socket()

def connect(host="192.0.2.1"):
    try:
        sock.connect((host, 9))
    except RuntimeError as error:
        return error

def again():
    found = []
    for host in ("192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.1"):
        found.append(connect(host))
    return found

def expect(found, wanted):
    if found != wanted:
        raise LookupError(repr((found, wanted)))
"""


class Again(Case):
    def test_each_is_an_error_of_its_own(self) -> None:
        code = """
        one, two, other, three = again()
        expect([error.target for error in (one, two, other, three)], ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.1"])
        expect([error.guard for error in (one, two, other, three)], ["network"] * 4)
        expect((str(one) == str(two) == str(three), one is two, "192.0.2.2" in str(other)), (True, False, True))
        two.target = "changed"
        expect(connect().target, "192.0.2.1")
        expect([(told["target"], told["count"]) for told in _native.violations()], [("192.0.2.1", 4), ("192.0.2.2", 1)])
        expect(_native.status()["violations"], 2)
        for _ in range(10):
            connect()
        expect([told["count"] for told in _native.violations()], [14, 1])
        # More than are remembered.
        for _ in range(3):
            for number in range(100, 120):
                expect(connect("192.0.2.%d" % number).target, "192.0.2.%d" % number)
        expect([told["count"] for told in _native.violations()], [14, 1] + [3] * 20)
        """  # noqa: E501
        self.done(code, BEFORE, no_network=True)

    def test_lines(self) -> None:
        """The same act at another line is told with that line."""
        before = (
            BEFORE
            + """
def two():
    found = []
    for row in range(6):
        try:
            if row % 2:
                sock.connect(("192.0.2.1", 9))
            else:
                sock.connect(("192.0.2.1", 9))
        except RuntimeError as error:
            found.append((str(error), error.__traceback__.tb_lineno))
    return found
"""
        )
        code = """
        for text, row in two():
            expect(f"before.py:{row}; " in text, True)
        expect([told["count"] for told in _native.violations()], [3, 3])
        """
        self.done(code, before, no_network=True)

    def test_callers_of_the_library(self) -> None:
        """A line of the standard library is told as the program's line that called it."""
        code = """
        def try_it(call):
            try:
                call()
            except RuntimeError as error:
                return str(error)
        for _ in range(3):
            one = try_it(lambda: socket.create_connection(("192.0.2.1", 9)))
            two = try_it(lambda: socket.create_connection(
                ("192.0.2.1", 9)))
            expect([" at case.py:" in text for text in (one, two)], [True, True])
            rows = [int(text.split(" at case.py:")[1].split(";")[0]) for text in (one, two)]
            expect(rows[1] - rows[0], 1)
        """
        self.done(code, BEFORE, no_network=True)

    def test_another_policy(self) -> None:
        """What allows it is told as the policy of the moment has it."""
        code = """
        before = str(connect())
        second = _native.open_scope({"no_network": True, "allow_domain": ["other.example"]})
        scope.close()
        during = [str(connect()) for _ in range(3)]
        third = _native.open_scope({"no_network": True, "allow_domain": ["192.0.2.1"]})
        second.close()
        try:
            sock.settimeout(0.01)
            expect(connect(), None)
        except OSError:
            pass
        fourth = _native.open_scope({"no_network": True})
        after = str(connect())
        expect(("is not allow-listed" in before, ["is not allow-listed" in text for text in during]), (False, [True] * 3))
        expect(after, before)
        """  # noqa: E501
        self.done(code, BEFORE, no_network=True)

    def test_the_name_is_what_is_allowed(self) -> None:
        """A name that was looked up, not the address it came to."""
        code = """
        socket.getaddrinfo("localhost", 1)
        text = str(connect("127.0.0.1"))
        expect("; allow it by --allow-domain localhost (" in text, True)
        expect("connect(127.0.0.1)" in text, True)
        expect("; allow it by --allow-domain 127.0.0.2 (" in str(connect("127.0.0.2")), True)
        """
        self.done(code, BEFORE, no_network=True, allow_domain=["localhost:1"])

    def test_threads(self) -> None:
        code = """
        found = []
        def run():
            for _ in range(50):
                found.append(connect())
        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expect({(error.target, str(error)) for error in found}, {("192.0.2.1", str(connect()))})
        expect([told["count"] for told in _native.violations()], [201])
        """
        self.done(code, BEFORE, no_network=True)

    def test_each_is_traced(self) -> None:
        code = """
        traced = _native.open_scope({"no_network": True}, trace=True)
        sys.stderr = io.StringIO()
        again()
        told, sys.stderr = sys.stderr.getvalue(), sys.__stderr__
        line = "[hermetic] blocked socket.connect host=192.0.2.%d reason=no-network\\n"
        expect(told, line % 1 + line % 1 + line % 2 + line % 1)
        """
        self.done(code, BEFORE, no_network=True)

    def test_what_runs_meanwhile_is_denied_too(self) -> None:
        """Making an error may run finalisers, which may be denied something themselves."""
        code = """
        class Final:
            def __init__(self):
                self.itself = self

            def __del__(self):
                denied.append(connect("192.0.2.3"))

        denied = []
        before = gc.get_threshold()
        gc.set_threshold(1)
        for _ in range(200):
            Final()
            connect()
        gc.set_threshold(*before)
        gc.collect()
        expect({error.target for error in denied if error}, {"192.0.2.3"})
        """
        self.done(code, BEFORE, no_network=True)

    def test_nothing_is_kept_after_the_policy(self) -> None:
        before = (
            BEFORE
            + """
names = {"sock": sock}
exec("def once():\\n try: sock.connect(('192.0.2.1', 9))\\n except RuntimeError: pass", names)
"""
        )
        code = """
        once = names["once"]
        once()
        once()
        kept = weakref.ref(once.__code__)
        del once, names["once"]
        scope.close()
        gc.collect()
        expect(kept(), None)
        """
        self.done(code, before, no_network=True)
