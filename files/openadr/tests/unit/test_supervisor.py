"""The VEN's container: the VEN's end ends it, the S2 service's does not."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from cariflex_openadr.supervisor import Supervisor
from support import eventually

FOR_EVER = "import signal; signal.pause()"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def writes_then(path: Path, then: str) -> list[str]:
    """A process that adds a line to ``path``, then does ``then``."""
    return python(f"import os; open({str(path)!r}, 'a').write(f'{{os.getpid()}}\\n'); {then}")


def lines(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_supervisor__ven_ends__container_ends_with_its_code_and_s2_too(tmp_path: Path) -> None:
    s2 = tmp_path / "s2"
    wait = f"import os, time\nwhile not os.path.exists({str(s2)!r}): time.sleep(0.01)\nraise SystemExit(3)"
    code = await Supervisor(python(wait), writes_then(s2, FOR_EVER)).run()
    assert code == 3
    assert not alive(lines(s2)[0])


async def test_supervisor__ven_ends_well__still_a_failure() -> None:
    assert await Supervisor(python("pass"), []).run() == 1


async def test_supervisor__ven_killed__container_ends(tmp_path: Path) -> None:
    ven = tmp_path / "ven"
    task = asyncio.create_task(Supervisor(writes_then(ven, FOR_EVER), []).run())
    await eventually(lambda: bool(lines(ven)))
    os.kill(lines(ven)[0], signal.SIGKILL)
    assert await task == 1


async def test_supervisor__s2_ends__started_again_and_ven_untouched(tmp_path: Path) -> None:
    ven, s2 = tmp_path / "ven", tmp_path / "s2"
    supervisor = Supervisor(writes_then(ven, FOR_EVER), writes_then(s2, "exit(1)"), first_wait_s=0.01)
    task = asyncio.create_task(supervisor.run())
    await eventually(lambda: len(lines(s2)) >= 3)
    assert len(lines(ven)) == 1
    os.kill(os.getpid(), signal.SIGTERM)
    assert await task == 0
    assert not alive(lines(ven)[0])


async def test_supervisor__sigterm__both_get_it_and_exit_is_clean(tmp_path: Path) -> None:
    ven, s2, ended = tmp_path / "ven", tmp_path / "s2", tmp_path / "ended"
    graceful = (
        "import signal, sys; "
        f"signal.signal(15, lambda *_: (open({str(ended)!r}, 'a').write('1 '), sys.exit(0))); "
        f"open({{path!r}}, 'w').write('1'); signal.pause()"
    )
    supervisor = Supervisor(python(graceful.format(path=str(ven))), python(graceful.format(path=str(s2))))
    task = asyncio.create_task(supervisor.run())
    await eventually(lambda: ven.exists() and s2.exists())
    os.kill(os.getpid(), signal.SIGTERM)
    assert await task == 0
    assert lines(ended) == [1, 1]
