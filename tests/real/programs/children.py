"""Programs and processes are started."""

import asyncio
import multiprocessing
import subprocess
import sys


async def start() -> str:
    """By asyncio."""
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(5)", stdout=subprocess.PIPE)
    return (await child.communicate())[0].decode().strip()


if __name__ == "__main__":
    done = subprocess.run([sys.executable, "-c", "print(4)"], stdout=subprocess.PIPE, text=True, check=True)
    print(done.stdout.strip(), flush=True)
    print(asyncio.run(start()), flush=True)
    with multiprocessing.Pool(2) as pool:
        print(pool.map(abs, [-1, -2]))
