#!/usr/bin/env bash
# Behaviour: a trial of Ray Tune that asks for 1.5 GPUs passes every check until its worker starts.
#   PlacementGroupFactory takes {"GPU": 1.5}, the group of it becomes ready, and only the actor in it
#   is refused; that error has its text in two
#   arguments, so it prints as a tuple. 1.5 CPUs pass everywhere. A share of
#   0.00005 CPU is accepted by the group as well and refused by the actor.
# Versions: ray 2.60.0 (logical GPUs, no real one is needed).
# Output seen: see the end of this file.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "ray[tune]==2.60.0"
cat > "$work/probe.py" <<'PY'
import ray
from ray import tune
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

ray.init(address="local", num_cpus=2, num_gpus=2, log_to_driver=False, include_dashboard=False)


@ray.remote
class Worker:
    def ping(self):
        return "runs"


for amounts in ({"CPU": 1, "GPU": 1.5}, {"CPU": 1.5}, {"CPU": 5e-05}):
    group = tune.PlacementGroupFactory([amounts])()
    ray.get(group.ready(), timeout=60)
    options = {
        "num_cpus": amounts["CPU"],
        "num_gpus": amounts.get("GPU", 0),
        "scheduling_strategy": PlacementGroupSchedulingStrategy(group),
    }
    try:
        actor = Worker.options(**options).remote()
        answer = ray.get(actor.ping.remote(), timeout=60)
        ray.kill(actor)
    except ValueError as error:
        answer = f"refused, arguments of the error: {len(error.args)}"
    print(amounts, "group ready, actor", answer)
    ray.util.remove_placement_group(group)
ray.shutdown()
PY
found=$("$work/venv/bin/python" -W ignore "$work/probe.py" 2> /dev/null)
echo "$found"
[ "$found" = "{'CPU': 1, 'GPU': 1.5} group ready, actor refused, arguments of the error: 2
{'CPU': 1.5} group ready, actor runs
{'CPU': 5e-05} group ready, actor refused, arguments of the error: 1" ]
