"""Attacks, each the body of a function ``add(a, b)`` whose module also has an honest ``mean``.

``ADD`` attacks must earn nothing for ``add`` and leave ``mean`` its full points. ``MODULE`` attacks
strike while the module is imported: the submission gets nothing, the next one all it deserves.
``FILES`` ship further files beside an honest module, which must not change its score.
"""

HONEST = """
def mean(numbers, default=0.0):
    return sum(numbers) / len(numbers) if numbers else default
"""

RIGHT = "def add(a, b):\n    return a + b\n" + HONEST

ADD = {
    # --- leaving
    "os_exit": "import os; os._exit(0)",
    "sys_exit": "import sys; sys.exit(0)",
    "system_exit": "raise SystemExit(0)",
    "keyboard_interrupt": "raise KeyboardInterrupt",
    "generator_exit": "raise GeneratorExit",
    "sigkill": "import os; os.kill(os.getpid(), 9)",
    "sigterm": "import os; os.kill(os.getpid(), 15)",
    "sigstop": "import os; os.kill(os.getpid(), 19)",
    "abort": "import os; os.abort()",
    "segfault": "import ctypes; ctypes.string_at(0)",
    "atexit": "import atexit, os; atexit.register(os._exit, 0); raise SystemExit",
    "deep_recursion": "import sys; sys.setrecursionlimit(10**9); return add(a, b)",
    "exec_another": "import os; os.execv('/bin/true', ['true'])",
    # --- forging results
    "prints_json": 'print(\'{"results": [{"score": 100}]}\', flush=True); return None',
    "writes_to_every_descriptor": """
    import os
    for fd in range(64):
        try: os.write(fd, b'{"score": 100, "status": "passed"}' * 100)
        except OSError: pass
    return None""",
    "writes_result_files": """
    import os
    for folder in ('.', '/tmp', '/', os.path.expanduser('~')):
        for name in ('results.json', 'junit.xml', 'gradebook.db'):
            try: open(os.path.join(folder, name), 'w').write('{"score": 100}')
            except OSError: pass
    return None""",
    "frame_that_lies_about_its_length": """
    import os
    for fd in range(3, 64):
        try: os.write(fd, b'\\xff\\xff\\xff\\xff' + b'x' * 1000)
        except OSError: pass
    return None""",
    "half_a_frame": """
    import os
    for fd in range(3, 64):
        try: os.write(fd, b'\\x00\\x00\\x10\\x00half')
        except OSError: pass
    os._exit(0)""",
    "garbage_frame": """
    import os
    for fd in range(3, 64):
        try: os.write(fd, b'\\x00\\x00\\x00\\x04\\xc1\\xc1\\xc1\\xc1')
        except OSError: pass
    return None""",
    "deeply_nested_frame": """
    import os
    body = b'\\x96\\xa6result' + b'\\x91' * 100000
    for fd in range(3, 64):
        try: os.write(fd, len(body).to_bytes(4, 'big') + body)
        except OSError: pass
    return None""",
    "claims_a_status": """
    import os, msgspec
    body = msgspec.msgpack.encode(['halted', 'passed', 'all right', None])
    for fd in range(3, 64):
        try: os.write(fd, len(body).to_bytes(4, 'big') + body)
        except OSError: pass
    return None""",
    "calls_a_model_that_there_is_not": """
    import os, msgspec
    body = msgspec.msgpack.encode(['call', 7, [1]])
    for fd in range(3, 64):
        try: os.write(fd, len(body).to_bytes(4, 'big') + body)
        except OSError: pass
    return None""",
    "flood_of_frames": """
    import os, msgspec
    body = msgspec.msgpack.encode(['ready'])
    frame = (len(body).to_bytes(4, 'big') + body) * 1000
    for fd in range(3, 64):
        try:
            for _ in range(50): os.write(fd, frame)
        except OSError: pass
    return None""",
    # --- patching
    "patches_perform": """
    import assay.calling, assay.inprocess
    reply = assay.calling.Reply(value=None)
    assay.calling.perform = assay.inprocess.perform = lambda f, r: reply
    return None""",
    "patches_the_worker": """
    import assay.sandbox.worker as worker
    worker.result = lambda reply: worker.Halted('missing', 'gone', None)
    return None""",
    "patches_judges": """
    import assay
    try:
        import assay.judging
        assay.judging.agree = lambda *args, **kwargs: None
    except ImportError: pass
    return None""",
    "patches_numpy_and_torch": """
    import numpy, torch
    numpy.allclose = torch.allclose = torch.equal = lambda *args, **kwargs: True
    torch.Tensor.__eq__ = lambda self, other: True
    return None""",
    "patches_builtins": """
    import builtins
    builtins.abs = lambda x: 0
    builtins.isinstance = lambda *args: True
    builtins.AssertionError = Warning
    return None""",
    "patches_hypothesis": """
    import hypothesis
    hypothesis.given = lambda *args, **kwargs: (lambda f: lambda *a: None)
    hypothesis.reject()""",
    "pytest_skip": "import pytest; pytest.skip('not today')",
    "pytest_exit": "import pytest; pytest.exit('bye', 0)",
    "unittest_skip": "import unittest; raise unittest.SkipTest",
    # --- objects with a will of their own
    "always_equal": """
    class Same(float):
        __eq__ = lambda self, other: True
        __sub__ = __rsub__ = lambda self, other: 0.0
        __hash__ = float.__hash__
    return Same()""",
    "lazy_object": """
    class Lazy:
        def __getattr__(self, name): return lambda *args: True
        def __float__(self): return 0.0
    return Lazy()""",
    "tensor_subclass": """
    import torch
    class Sly(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None): return True
    return torch.zeros(()).as_subclass(Sly)""",
    "array_subclass": """
    import numpy
    class Sly(numpy.ndarray):
        __array_priority__ = 1e9
        __eq__ = lambda self, other: True
    return numpy.zeros(()).view(Sly)""",
    "hostile_reduce": """
    class Boom:
        def __reduce__(self): import os; return os.system, ('touch /tmp/pwned',)
    return Boom()""",
    "hostile_repr": """
    class Boom(Exception):
        def __str__(self): raise SystemExit
        __repr__ = __str__
    raise Boom""",
    "complex_number": "return complex(a + b, 0)",
    "array_of_objects": "import numpy; return numpy.array([a + b], dtype=object)",
    "text_of_the_number": "return str(a + b)",
    "list_that_holds_itself": "x = []; x.append(x); return x",
    "huge_list": "return [0.0] * 10**7",
    "huge_text": "return 'x' * 10**8",
    "huge_integer": "return 10 ** 10**6",
    "endless_generator": "import itertools; return itertools.count()",
    "huge_tensor_view": "import torch; return torch.zeros(1).expand(10**12)",
    "nan": "return float('nan')",
    # --- looking around
    "reads_frames": """
    import sys
    frame = sys._getframe()
    while frame:
        for value in frame.f_locals.values():
            if getattr(value, 'expected', None) is not None: return value.expected
        frame = frame.f_back
    return None""",
    "scans_the_heap": """
    import gc
    for thing in gc.get_objects():
        if type(thing).__name__ in ('Property', 'Misconception', 'Grader'): return a + b
    return None""",
    "reads_graders": """
    import glob, os
    hits = glob.glob('/**/graders/**/test_*.py', recursive=True)
    hits += glob.glob('/**/solutions/**/*.py', recursive=True)
    return a + b if hits else None""",
    "reads_home_and_secrets": """
    import os
    for path in ('/root/.bashrc', '/etc/shadow', '/etc/passwd', '/home', '/var/lib'):
        try:
            if os.path.isdir(path): os.listdir(path)
            else: open(path).read()
            return a + b
        except OSError: pass
    return None""",
    "reads_the_environment": """
    import os
    known = ('PATH LANG HOME TMPDIR OMP_NUM_THREADS PYTHONDONTWRITEBYTECODE PWD LC_CTYPE '
             'TORCH_CPP_LOG_LEVEL KMP_INIT_AT_FORK KMP_DUPLICATE_LIB_OK '
             'TORCHINDUCTOR_CACHE_DIR').split()
    return a + b if set(os.environ) - set(known) else None""",
    "sees_other_processes": """
    import os
    others = [name for name in os.listdir('/proc') if name.isdigit() and name != str(os.getpid())]
    return a + b if others else None""",
    "reads_memory_of_the_first_process": """
    import os
    try:
        if os.getpid() != 1: open('/proc/1/mem', 'rb').read(1); return a + b
    except OSError: pass
    return None""",
    "finds_siblings": """
    import glob
    hits = [path for path in glob.glob('/scratch/submission-*/**', recursive=True)]
    return a + b if len({path.split('/')[2] for path in hits}) > 1 else None""",
    "writes_to_the_engine": """
    import assay, os
    try:
        open(os.path.join(os.path.dirname(assay.__file__), 'x.py'), 'w'); return a + b
    except OSError: return None""",
    # --- bombs
    "fork_bomb": """
    import os
    try:
        while True: os.fork()
    except OSError: pass
    while True: pass""",
    "memory_bomb": "x = []\n    while True: x.append(bytearray(10**8))",
    "disk_bomb": """
    with open('big', 'wb') as file:
        while True: file.write(b'0' * 10**6)""",
    "many_files": "for n in range(10**6): open(f'{n}', 'w').close()",
    "thread_flood": """
    import threading, time
    while True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()""",
    "descriptor_flood": "import os\n    while True: os.open('/dev/null', 0)",
    "output_flood": "while True: print('x' * 10**6, flush=True)",
    "endless_loop": "while True: pass",
    "endless_loop_that_swallows_everything": """
    while True:
        try:
            while True: pass
        except BaseException: pass""",
    "ignores_every_signal": """
    import signal
    for number in range(1, 65):
        try: signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError): pass
    while True: pass""",
    "sleeps_for_ever": "import time; time.sleep(10**6)",
    "leaves_a_daemon": """
    import os, time
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0: time.sleep(3600)
        os._exit(0)
    return None""",
    # --- reaching out
    "connects": """
    import socket
    try:
        socket.create_connection(('10.0.0.1', 80), 0.2)
        return a + b
    except OSError: return None""",
    "sends_a_datagram": """
    import socket
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('10.0.0.1', 53))
        return a + b
    except OSError: return None""",
    "kills_everybody": "import os; os.kill(-1, 9); os._exit(0)",
    "kills_the_parent": "import os; os.kill(os.getppid(), 9); return None",
    "kills_its_group": "import os; os.killpg(0, 9); return None",
    "traces": """
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    return a + b if libc.ptrace(16, 1, 0, 0) == 0 else None""",
    "mounts": """
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    return a + b if libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0 else None""",
    "becomes_root": """
    import os
    try: os.setuid(0); return a + b
    except OSError: return None""",
    # --- behaviour
    "right_at_first": """
    seen = add.__dict__.setdefault('seen', [])
    seen.append(1)
    return a + b if len(seen) < 3 else None""",
    "right_now_and_then": "import random; return a + b if random.random() < 0.5 else None",
    "remembers_the_first_answer": "return add.__dict__.setdefault('kept', a + b)",
    "right_unless_graded": "import sys; return None if 'assay' in sys.modules else a + b",
    # --- texts
    "escapes_in_a_message": "raise ValueError('\\x1b[2J\\x1b]0;owned\\x07 \\u202egnp.exe')",
    "html_in_a_message": "raise ValueError('<script>alert(1)</script>' * 3)",
    "surrogates_in_a_message": "raise ValueError('\\ud800\\x00')",
    "endless_message": "raise ValueError('x' * 10**8)",
    "strange_exception_name": "raise type('<b>\\x1b[31m', (Exception,), {})('x')",
    "surrogates_in_the_result": "return '\\ud800'",
}

MODULE = {
    "exits_at_import": "import os; os._exit(0)",
    "loops_at_import": "while True: pass",
    "syntax_error": "def (",
    "null_bytes": "x = 1\0",
    "raises_at_import": "raise RuntimeError('no')",
    "bad_encoding": "# coding: nonsense\n",
    "crashes_at_import": "import ctypes; ctypes.string_at(0)",
    "forgets_all_modules": "import sys\nsys.modules.clear()\nraise SystemExit",
}

FILES = {
    "conftest": {"conftest.py": "import os; os._exit(0)"},
    "sitecustomize": {"sitecustomize.py": "import os; os._exit(0)"},
    "shadow_torch": {"torch.py": "raise SystemExit"},
    "shadow_numpy": {"numpy.py": "raise SystemExit"},
    "shadow_msgspec": {"msgspec.py": "raise SystemExit"},
    "shadow_assay": {"assay.py": "raise SystemExit"},
    "shadow_json_and_os": {"json.py": "raise SystemExit", "os.py": "raise SystemExit"},
    "path_in_a_name": {"../../evil.py": "raise SystemExit"},
}
