"""What a PyTorch checkpoint may name: data that training code keeps beside the weights.

None of it is ever imported or called. A name outside of this list does not belong in a file of
weights, so the file is refused.
"""

from __future__ import annotations

import re

_BUILTINS = (
    "bool|bytearray|bytes|complex|dict|float|frozenset|int|list|long|object|range|set|slice|str|"
    "tuple|unicode"
)
_NUMBERS = r"bool_?|float\d+|complex\d+|u?int\d+|longlong|ulonglong|str_|bytes_"
_ALLOWED = re.compile(
    "|".join(
        [
            # The tensors themselves.
            r"torch\.(\w+Storage|storage\.\w+Storage|Tensor|Size|device|dtype|Generator)",
            r"torch\.(bool|bfloat16|half|float\w*|double|u?int\d+|short|long|complex\d+|q?u?int\w*)",
            r"torch\.(_utils|_tensor)\._rebuild_\w+|torch\.serialization\._get_layout",
            r"torch\.nn\.parameter\.(Parameter|Buffer)|torch\._C\._\w+Meta",
            # The state of a training.
            r"torch\.(optim|cuda\.amp|amp)\.[\w.]+|torch\.torch_version\.TorchVersion",
            r"collections\.(OrderedDict|defaultdict|Counter|deque)",
            rf"(builtins|__builtin__)\.({_BUILTINS})|_codecs\.encode|copy_?reg\._reconstructor",
            # Scores, times, options and paths.
            r"numpy\._?core\.(multiarray\.(scalar|_reconstruct)|numeric\._frombuffer)",
            rf"numpy\.(dtype|ndarray|dtypes\.\w+DType|{_NUMBERS}|random\._pickle\.\w+)",
            r"numpy\.random\.(_\w+\.\w+|bit_generator\.\w+)",
            r"datetime\.(date|datetime|time|timedelta|timezone)|zoneinfo\.ZoneInfo\._unpickle",
            r"argparse\.Namespace|types\.SimpleNamespace|uuid\.UUID",
            r"pathlib(\._local)?\.(Pure)?(Posix|Windows)?Path",
            r"decimal\.Decimal|fractions\.Fraction",
            r"(easydict|addict|munch|yacs|omegaconf|ml_collections)\.[\w.]+|typing\.Any",
        ]
    )
)


def is_data(name: str) -> bool:
    """Whether a checkpoint may name this, e.g. `torch.Size`."""
    return _ALLOWED.fullmatch(name) is not None
