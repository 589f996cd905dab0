"""The loop asks nothing of the heap, on libasound."""

from engine.heap import HERE, count_heap_calls


def test_ten_thousand_periods_ask_nothing_of_the_heap(tmp_path):
    assert count_heap_calls(tmp_path, str(HERE / "heap.py"), "null", "null", "10000") == 0


def test_the_counter_counts(tmp_path):
    script = tmp_path / "hundred.py"
    script.write_text(
        "import ctypes\n"
        "libc = ctypes.CDLL(None); libc.heap_calls.restype = ctypes.c_long; libc.malloc.restype = ctypes.c_void_p\n"
        "before = libc.heap_calls(); [libc.malloc(1000) for _ in range(100)]; print(libc.heap_calls() - before)\n"
    )
    assert count_heap_calls(tmp_path, str(script)) >= 100
