"""The scorer that answers now, and a thread that looks for a newer one and puts it in its place once it is warm.

Who asks takes `scorer` once and answers with it to the end, so nothing that is under way is dropped. Where the newer one cannot be
opened, the old one goes on answering, and `problem` says why.
"""

import logging
from collections.abc import Callable
from threading import Event, Thread

from rdl.errors import RdlError
from rdl.mlops.scorer import Scorer

log = logging.getLogger(__name__)

POLL_S = 2.0


class Live:
    """What answers now.

    Attributes:
        scorer: a fact of the moment: take it once for one piece of work.
        problem: why what is newer does not answer yet; empty where nothing is wrong.
        changes: how many times a newer scorer took the place of another.
    """

    def __init__(self, scorer: Scorer, renew: Callable[[Scorer], Scorer | None], poll_s: float = POLL_S) -> None:
        """`renew` makes a newer scorer than the one it is given, or None where there is nothing newer."""
        self.scorer, self.problem, self.changes = scorer, "", 0
        self._renew, self._poll_s, self._ended = renew, poll_s, Event()

    def watch(self) -> None:
        """Look for something newer every few seconds, until `close` or the end of the process."""
        Thread(target=self._look_again, name="rdl-renew", daemon=True).start()

    def close(self) -> None:
        """Stop looking."""
        self._ended.set()

    def look(self) -> bool:
        """Look once; whether a newer scorer answers now."""
        try:
            newer = self._renew(self.scorer)
            if newer is not None:
                newer.warm()
        except RdlError as error:
            self._keep(str(error.what))
            return False
        except Exception as error:  # whatever it is, the old one answers on
            self._keep(f"{type(error).__name__}: {error}"[:300])
            return False
        self.problem = ""
        if newer is None:
            return False
        self.scorer, self.changes = newer, self.changes + 1
        log.info("serve: version %s with %d tables answers now", newer.version or "?", len(newer.tables))
        return True

    def _look_again(self) -> None:
        while not self._ended.wait(self._poll_s):
            self.look()

    def _keep(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("serve: the old model answers on: %s", problem)
        self.problem = problem
