"""Runs the SDK's own tests, out of its source package, against a server: own_tests.py SOURCE PORT.

A test is live when it opened a connection to the server: the others prove nothing about it.
"""

import asyncio
import os
import pathlib
import sys
import tarfile
import tempfile
import unittest

LIVE = 31  # of the pinned version; fewer, and somebody has left some out

source, port = sys.argv[1], int(sys.argv[2])


class Result(unittest.TextTestResult):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.live = set()
        self.now = None

    def startTest(self, test):
        self.now = test.id()
        super().startTest(test)


def watch_connections(result_now):
    create_connection = asyncio.BaseEventLoop.create_connection

    async def watched(self, *args, **kwargs):
        made = await create_connection(self, *args, **kwargs)
        if made[0].get_extra_info("peername")[1] == port:
            result = result_now()
            result.live.add(result.now)
        return made

    asyncio.BaseEventLoop.create_connection = watched


def main():
    with tempfile.TemporaryDirectory() as directory:
        with tarfile.open(source) as package:
            package.extractall(directory, filter="data")
        (root,) = pathlib.Path(directory).iterdir()
        moved = 0
        for path in (root / "tests").glob("*.py"):
            text = path.read_text()
            moved += text.count("localhost:8000")
            path.write_text(text.replace("localhost:8000", f"127.0.0.1:{port}"))
        if moved == 0:
            sys.exit("the tests name no server any more at localhost:8000: they would not talk to ours")
        os.chdir(root)
        sys.path.insert(0, str(root))
        tests = unittest.defaultTestLoader.loadTestsFromName("tests.test_client")
        result = None

        def make_result(*args, **kwargs):
            nonlocal result
            result = Result(*args, **kwargs)
            return result

        watch_connections(lambda: result)
        unittest.TextTestRunner(resultclass=make_result, verbosity=2).run(tests)
        print(f"{result.testsRun} tests, {len(result.live)} of them live: "
              f"{len(result.failures) + len(result.errors)} failed, {len(result.skipped)} were skipped")
        if not result.wasSuccessful() or result.skipped or len(result.live) != LIVE:
            sys.exit(f"wanted {LIVE} live tests, and all of them to pass")


main()
