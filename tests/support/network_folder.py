"""Makes the kernel refuse, in this process, what file systems on a network refuse."""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

_FLOCK, _LINK, _LINKAT, _RENAMEAT2 = "flock", "link", "linkat", "renameat2"
_NUMBERS = {
    "x86_64": {_FLOCK: 73, _LINK: 86, _LINKAT: 265, _RENAMEAT2: 316},
    "aarch64": {_FLOCK: 32, _LINKAT: 37, _RENAMEAT2: 276},
}
_REFUSED = {_FLOCK: errno.ENOLCK, _LINK: errno.EPERM, _LINKAT: errno.EPERM}
# Of linux/prctl.h, linux/seccomp.h and linux/bpf_common.h.
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_CALL, _FIFTH_ARGUMENT = 0, 48

CAN_REFUSE = platform.system() == "Linux" and platform.machine() in _NUMBERS


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def refuse_network_calls() -> None:
    """Refuse `flock` (ENOLCK), links (EPERM) and flags of `renameat2` (EINVAL, as NFS does).

    The kernel does it (seccomp), for this process and its children until they end.

    Raises:
        OSError: the kernel has no seccomp.
    """
    numbers = _NUMBERS[platform.machine()]
    steps = [(_LOAD, 0, 0, _CALL)]
    for name, error in _REFUSED.items():
        if name in numbers:
            steps += [(_JUMP_IF_EQUAL, 0, 1, numbers[name]), (_RETURN, 0, 0, _ERRNO | error)]
    steps += [
        (_JUMP_IF_EQUAL, 0, 3, numbers[_RENAMEAT2]),
        (_LOAD, 0, 0, _FIFTH_ARGUMENT),
        (_JUMP_IF_EQUAL, 1, 0, 0),
        (_RETURN, 0, 0, _ERRNO | errno.EINVAL),
        (_RETURN, 0, 0, _ALLOW),
    ]
    content = b"".join(struct.pack("=HBBI", *step) for step in steps)
    program = _Program(len(steps), content)
    library = ctypes.CDLL(None, use_errno=True)
    for arguments in (
        (_NO_NEW_PRIVILEGES, 1, 0, 0, 0),
        (_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0),
    ):
        if library.prctl(*arguments):
            raise OSError(ctypes.get_errno(), "prctl")
