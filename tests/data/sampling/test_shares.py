"""What each process gets of the batches of an epoch, and where a training resumes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.batches import OF_CLIPS, batches, sampler, sizes
from support.miniatures import recipe

from pipeline.data.sampling.sampler import shard
from pipeline.data.sampling.windows import Window


@given(sizes, sizes, st.integers(0, 60), st.integers(0, 3))
def test_all_processes_together_see_the_batches(
    world: int, batch_size: int, windows: int, epoch: int
) -> None:
    places = [Window(number, 0, 0, 40) for number in range(windows)]
    settings = recipe(crop=16, batch_size=batch_size, epochs=3)
    whole = list(sampler(settings, 5, places).epoch(epoch))
    shares = [list(shard(whole, rank, world)) for rank in range(world)]
    for *own, batch in zip(*shares, whole, strict=True):
        together = [crop for part in own for crop in part.crops]
        assert sorted(together) == sorted(batch.crops)
        assert len(set(together)) == len(together)
        # As even as can be.
        counts = [len(part.crops) for part in own]
        assert max(counts) - min(counts) <= 1
        assert [part.keep for part in own] == counts


def test_a_clip_is_never_divided() -> None:
    (_, clips) = batches(batch_size=6, companion=OF_CLIPS)
    parts = [next(shard([clips], rank, 3)).crops for rank in range(3)]
    assert parts == [clips.crops[:4], clips.crops[4:], []]


@given(sizes, st.integers(0, 70), st.integers(0, 12))
def test_a_training_resumes_where_it_was(world: int, windows: int, start: int) -> None:
    settings = recipe(batch_size=7)
    whole = list(sampler(settings, 5, [Window(n, 0, 0, 40) for n in range(windows)]).epoch(1))
    for rank in range(world):
        everything = list(shard(whole, rank, world))
        assert list(shard(whole, rank, world, start)) == everything[start:]
    assert list(shard(whole, 0, 1)) == whole
