"""One attack in a process of its own that limits end: `python -m tests.attacks.run NAME`."""

from __future__ import annotations

import json
import resource
import sys

from tests.attacks.attacks import ATTACKS
from tests.fakes import World
from tests.functions import Functions


def main(name: str) -> None:
    """Drop the file and print how the run ended.

    The file is made before the limits hold: they are for what autodrop does with it.
    """
    attack = ATTACKS[name]
    content = attack.content()
    world = World()
    world.drop(attack.key, content, attack.metadata)
    (dropped,) = world.take_events()
    if attack.settings is not None:
        world.bucket.objects[f"inbox/{attack.key.split('/')[1]}/autodrop.yaml"] = attack.settings
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + attack.seconds
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (attack.disk, attack.disk))
    with Functions.in_world(world) as functions:
        functions.deliver(dropped)
    (run,) = world.ledger.items.values()
    told = {"state": str(run.state), "code": run.code, "reason": run.reason}
    largest = max(
        len(each) for key, each in world.bucket.objects.items() if key.startswith("runs/")
    )
    sys.stdout.write("\n" + json.dumps({**told, "largest_object": largest}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
