"""What the model takes for a fencing: of the key, after which few commands may follow, and not of a temporary one."""

from collections.abc import Callable

import pytest

from prhelper.device.multipath.rules.answers import CONFLICT, GOOD
from prhelper.device.multipath.rules.steps import Done
from prhelper.scsi.reservation import OutAction

from .....support.spc import APTPL
from ...emulated.unit import WR, out, without_power
from .cluster import KO, OTHER, K, T, told_everything
from .invariants import Judged
from .story import Story

REGISTER, PREEMPT = OutAction.REGISTER, OutAction.PREEMPT


def set_aside() -> Judged:
    """In the midst of a take-over: one path has the key, the others have the temporary one."""
    judged = Judged("abc", ports_known=True, share_ports=False)
    for path, key in {"a": K, "b": T, "c": T}.items():
        judged.by(judged.nexuses[path], out(REGISTER, 0, key))
    judged.by(OTHER, out(REGISTER, 0, KO))
    judged.memory = judged.memory._replace(key=K, settled=frozenset("abc"))
    judged.begin(None)
    return judged


def send(judged: Judged, path: str, old: int, new: int, times: int = 1) -> None:
    for _ in range(times):
        judged.carry_out_ours(path, out(REGISTER, old, new))


def fenced(judged: Judged, probes: int) -> Done:
    """Another host preempts the key, and our sequence unregisters the others after so many commands."""
    judged.carry_out_other(OTHER, out(PREEMPT, KO, K, kind=WR))
    send(judged, "b", T, T, probes)
    send(judged, "b", T, 0)
    send(judged, "c", T, 0)
    return Done(CONFLICT, judged.memory, (), ())


def loses_temporary_key(judged: Judged, probes: int) -> Done:
    """Another host preempts the temporary key, and our sequence registers the others again after so many commands."""
    judged.carry_out_other(OTHER, out(PREEMPT, KO, T, kind=WR))
    send(judged, "a", K, K, probes)
    send(judged, "b", 0, K, times=2)  # the first tells of the preemption
    send(judged, "c", 0, K, times=2)
    return Done(GOOD, judged.memory, (), ())


@pytest.mark.parametrize(("happens", "probes"), [(fenced, 8), (loses_temporary_key, 100)])
def test_commands_after_a_fencing_are_few_and_after_the_loss_of_a_temporary_key_as_many_as_it_takes(
    happens: Callable[[Judged, int], Done], probes: int
) -> None:
    judged = set_aside()
    judged.check_end(happens(judged, probes))


def test_sequence_that_goes_on_for_long_after_a_fencing_is_found() -> None:
    judged = set_aside()
    done = fenced(judged, judged.max_commands)
    with pytest.raises(AssertionError):
        judged.check_end(done)


def test_take_over_that_gives_the_temporary_key_again_and_again_is_no_answer_to_a_fencing() -> None:
    """Another host preempts the temporary key, then multipathd gives a path the real one, twice."""
    story = Story((0, 0, 1), (), "abc")  # registers, reserves, and takes over as another type
    story.take_over()
    story.take_over()
    story.carry_out_other(OTHER, out(REGISTER, 0, KO))

    def multipathd_registers(times: int) -> None:
        story.by(story.nexuses["c"], out(OutAction.REGISTER_AND_IGNORE_EXISTING_KEY, 0, K))
        if times > 1:
            story.before["c REGISTER T>T"] = lambda: multipathd_registers(times - 1)

    story.before["c REGISTER K>T"] = lambda: story.carry_out_other(OTHER, out(PREEMPT, KO, T, kind=WR))
    story.before["c REGISTER T>T"] = lambda: multipathd_registers(2)
    story.take_over()
    assert len(story.sent) > story.max_commands
    assert story.keys() == "a:K* b:K c:K"


def loses_power(judged: Judged) -> None:
    judged.happens("the unit loses power", lambda unit: without_power(unit, judged.nexuses.values()), fences=False)


def is_preempted(judged: Judged) -> None:
    judged.carry_out_other(OTHER, out(PREEMPT, KO, K, kind=WR))


@pytest.mark.parametrize(("events", "is_an_end"), [([loses_power], True), ([is_preempted, loses_power], False)])
def test_registration_that_is_lost_may_be_made_again_by_the_other_path_but_not_one_that_was_fenced(
    events: list[Callable[[Judged], None]], is_an_end: bool
) -> None:
    judged = Judged("ab", ports_known=True, share_ports=False)
    judged.by(OTHER, out(REGISTER, 0, KO, flags=APTPL))
    command = out(REGISTER, 0, K)  # without APTPL: the other host's registration is lost as well
    judged.begin(command)
    judged.carry_out_ours("a", command)
    for happens in events:
        happens(judged)
    judged.unit = told_everything(judged.unit)
    judged.carry_out_ours("b", command)
    judged.memory = judged.memory._replace(key=K)
    assert (judged.keys(), judged.others()) == ("b:K", "")
    assert ((GOOD.status, judged.essence(judged.collapsed())) in judged.ends(command)) is is_an_end
